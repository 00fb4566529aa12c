//! A running job is swapped to another version of a plugin: it is made ready on a thread of its own, and takes its place
//! with an epoch. If that epoch cannot be made with it, it is made with the version before, from the same state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use millstream_plugin::digest;

use super::Engine;
use super::versions::{Before, Canary};
use crate::checkpoint::{forget_all_but, keep_component, keep_job};
use crate::job::Job;
use crate::panics;
use crate::plan::Plan;
use crate::record::{CanaryVersion, FailedSwap, SwappedPlugin};
use crate::run::beside::Beside;
use crate::run::canary::{canaries, combine, fork};
use crate::run::control::LooksAfterSwaps;
use crate::run::environment::Pace;
use crate::run::epoch::{EpochOutcome, EpochPlan};
use crate::run::report::Swapped;
use crate::run::swap::{Ordered, Ready, SwapOrder, SwappedPlugins, Workshop, said};
use crate::run::take_up::{as_recorded, fingerprints};
use crate::run::takes_place::check_takes_place;
use crate::run::{branches, take_up};
use crate::{Error, ErrorKind, Result};

/// What a job knows of its swaps.
pub(super) struct Swaps {
    _looks: LooksAfterSwaps,
    workshop: Workshop,
    /// Plugins that are not what the file says; what the file says is known of all.
    pub swapped: SwappedPlugins,
    /// Per plugin, its configurations in the file.
    configured: BTreeMap<String, serde_json::Value>,
    /// Swaps that failed since the last epoch.
    pub failed: Vec<FailedSwap>,
    /// On its own thread, or on the loop's where all is done there.
    aside: bool,
    under_way: Option<UnderWay>,
    /// Another version answers for a share of the keys.
    pub canary: Option<Canary>,
}

/// The swap that is under way.
struct UnderWay {
    order: SwapOrder,
    stage: Stage,
}

enum Stage {
    /// It is being made ready.
    Making(Receiver<Result<Ready>>),
    /// States are being brought over for it.
    BringingOver(Box<Ready>, Beside),
    /// Its first epoch is the next one.
    Ready(Box<Ready>, Beside),
    /// Its first epoch is computed, and not known to be committed.
    Committing(Swapped),
}

impl Swaps {
    /// `in_file`: the job as its file has it.
    pub fn new(
        looks: LooksAfterSwaps,
        workshop: Workshop,
        in_file: &Job,
        mut swapped: SwappedPlugins,
        plan: &Plan,
        pace: &Pace,
    ) -> Self {
        for (name, digest) in plan.plugins.digests() {
            swapped.said.entry(name).or_insert_with_key(|name| said(in_file, name, &digest));
        }
        let configured = in_file.plugins.keys().map(|name| (name.clone(), in_file.configurations(name))).collect();
        let aside = matches!(pace, Pace::Threads);
        Self { _looks: looks, workshop, swapped, configured, failed: Vec::new(), aside, under_way: None, canary: None }
    }

    /// Whether no swap is under way.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// Whether states are being brought over.
    pub fn is_bringing_over(&self) -> bool {
        matches!(&self.under_way, Some(UnderWay { stage: Stage::BringingOver(..), .. }))
    }

    /// Whether the swap that is under way is the job's own, to its canary.
    pub fn promotes(&self) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| under_way.order.promotes)
    }

    /// Keeps the job of `plan` and its components, so that its epochs can be computed again; what none of the epochs was made
    /// with that there are, which are made with `others`, goes.
    pub fn keep_what_epochs_are_made_with(&self, plan: &Plan, others: BTreeSet<String>) -> Result<()> {
        let Workshop { runtime, storage, .. } = &self.workshop;
        let mut needed = others;
        needed.insert(plan.job.digest().to_owned());
        needed.extend(plan.plugins.digests().into_values());
        needed.extend(self.swapped.noted.values().map(|swapped| swapped.digest.clone()));
        forget_all_but(&**storage, &needed)?;
        if plan.job.keep.epochs == 0 {
            return Ok(());
        }
        keep_job(&**storage, &plan.job)?;
        for (name, wanted) in plan.plugins.digests() {
            // One that the job was swapped to is kept already.
            if let (Some(spec), Some(runtime), None) =
                (plan.job.plugins.get(&name), runtime, self.swapped.components.get(&name))
            {
                let bytes = runtime.component(&spec.path.value)?;
                // It may have been replaced since it was loaded.
                if digest(&bytes) == wanted {
                    keep_component(&**storage, &wanted, &bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Epoch `epoch` was made with `ready`: what the records say of its plugin from now on.
    fn note(&mut self, ready: &Ready, order: &SwapOrder, epoch: u64) {
        let plugin = &order.change.plugin;
        let in_file = self.swapped.said.get(plugin).cloned().unwrap_or_default();
        if said(&ready.plan.job, plugin, &ready.digest) == in_file {
            self.swapped.noted.remove(plugin);
        } else {
            let now = ready.configurations.clone();
            let configurations = (self.configured.get(plugin) != Some(&now)).then_some(now);
            let digest = ready.digest.clone();
            let noted = SwappedPlugin { since: epoch, digest, configurations, instead_of: in_file };
            self.swapped.noted.insert(plugin.clone(), noted);
        }
        self.swapped.components.clone_from(&ready.components);
    }
}

impl Engine {
    /// Between two epochs: what was ordered is begun, and what is ready waits for the next epoch.
    pub(super) fn look_after_swap(&mut self) {
        self.look_after_canary();
        if let Some(order) = self.options.control.take_swap() {
            self.begin_swap(order);
        }
        let Some(under_way) = &self.swaps.under_way else { return };
        match &under_way.stage {
            Stage::Making(made) => match made.try_recv() {
                Ok(ready) => match ready.and_then(|ready| self.check_ready(ready)) {
                    Ok((ready, beside)) => {
                        beside.told(&self.state).iter().for_each(|told| self.options.observer.message(told));
                        if let Some(under_way) = &mut self.swaps.under_way {
                            under_way.stage = Stage::BringingOver(Box::new(ready), beside);
                        }
                        self.go_on_bringing_over();
                    }
                    Err(e) => self.swap_failed(e),
                },
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => {
                    self.swap_failed(Error::internal("whoever made the new version ready has vanished"));
                }
            },
            Stage::Committing(swapped) => {
                let committed = panics::locked(&self.checkpoint).is_ok_and(|c| c.last() >= Some(swapped.epoch));
                if committed
                    && let Some(UnderWay { order, stage: Stage::Committing(swapped) }) = self.swaps.under_way.take()
                {
                    self.options.observer.swapped(&swapped);
                    self.options.control.swap_done();
                    drop(order.reply.send(Ok(swapped)));
                }
            }
            Stage::BringingOver(..) => self.go_on_bringing_over(),
            Stage::Ready(..) => {}
        }
    }

    fn go_on_bringing_over(&mut self) {
        let Some(UnderWay { order, stage: Stage::BringingOver(ready, mut beside) }) = self.swaps.under_way.take()
        else {
            return;
        };
        let done = panics::as_error(|| beside.go_on(&mut self.state));
        let (stage, failed) = match done {
            Ok(true) => (Stage::Ready(ready, beside), None),
            other => (Stage::BringingOver(ready, beside), other.err()),
        };
        let is_here = matches!(&stage, Stage::BringingOver(_, beside) if beside.is_here());
        self.swaps.under_way = Some(UnderWay { order, stage });
        match failed {
            Some(e) => self.swap_failed(e),
            None if is_here => self.wake().notify(),
            None => {}
        }
    }

    /// An epoch was computed; what it changed is still to be taken from the state.
    pub(super) fn note_for_swap(&mut self) {
        if let Some(UnderWay { stage: Stage::BringingOver(_, beside) | Stage::Ready(_, beside), .. }) =
            &mut self.swaps.under_way
        {
            beside.note(&mut self.state);
        }
    }

    pub(super) fn begin_swap(&mut self, order: SwapOrder) {
        let (tell, made): (Sender<Result<Ready>>, _) = channel();
        let job = self.plan.job.clone();
        let ordered = Ordered { change: order.change.clone(), is_canary: order.canary.is_some() };
        let (workshop, components) = (self.swaps.workshop.clone(), self.swaps.swapped.components.clone());
        let (now, wake) = (self.options.environment.clock.now(), self.wake().clone());
        let make = move || {
            let ready = panics::as_error(|| workshop.make_ready(&job, &components, &ordered, now));
            drop(tell.send(ready));
            wake.notify();
        };
        let refused = self.refuse_beside_canary(&order);
        self.swaps.under_way = Some(UnderWay { order, stage: Stage::Making(made) });
        if let Err(e) = refused {
            self.swap_failed(e);
        } else if !self.swaps.aside {
            make();
        } else if let Err(e) = std::thread::Builder::new().name("millstream-swap".to_owned()).spawn(make) {
            self.swap_failed(Error::internal(format!("no thread could be started: {e}")));
        }
    }

    /// While there is a canary, the job can be swapped to it, or to another version of the same plugin.
    fn refuse_beside_canary(&self, order: &SwapOrder) -> Result<()> {
        match &self.swaps.canary {
            Some(canary) if order.canary.is_some() || canary.version.plugin != order.change.plugin => {
                let message = format!("plugin `{}` has a canary", canary.version.plugin);
                Err(Error::new(ErrorKind::Conflict, message).with_help("end it, or swap the job to it, and try again"))
            }
            _ => Ok(()),
        }
    }

    /// The swap that is under way did not come about.
    pub(super) fn swap_failed(&mut self, e: Error) {
        let Some(UnderWay { order, stage }) = self.swaps.under_way.take() else { return };
        // It would be tried again with each epoch, and fail again.
        self.swaps.canary.iter_mut().filter(|_| order.promotes).for_each(|canary| canary.terms.promote_after = None);
        let plugin = order.change.plugin.clone();
        if let Stage::BringingOver(ready, beside) | Stage::Ready(ready, beside) = stage {
            beside.leave(&mut self.state);
            if let Err(left) = ready.forget(&self.swaps.workshop) {
                self.options.observer.message(&left.to_string());
            }
        }
        let of = format!("plugin `{plugin}`");
        let e = e.without_context(&of).context(format!("{of} was not swapped"));
        self.options.observer.message(&format!("{e}; the job goes on with the version that it has"));
        self.swaps.failed.push(FailedSwap { plugin, reason: e.to_string() });
        self.options.control.swap_done();
        drop(order.reply.send(Err(e)));
    }

    /// Refuses what cannot take the place of what runs; its states have the names of those that there are. With what there
    /// is to be brought over of them.
    fn check_ready(&mut self, mut ready: Ready) -> Result<(Ready, Beside)> {
        let recorded = as_recorded(&self.plan);
        let plan = Arc::get_mut(&mut ready.plan).ok_or_else(|| Error::internal("a new plan is used already"))?;
        branches::find(plan, &recorded, &self.state)?;
        let order = self.swaps.under_way.as_ref().map(|under_way| &under_way.order);
        let states = match (ready.alone.take(), order.and_then(|order| Some((order, order.canary?)))) {
            (Some(alone), Some((order, terms))) => {
                ready.olds = combine(plan, alone, &self.state, &order.change.plugin, terms.share)?;
                Vec::new()
            }
            _ => {
                check_takes_place(&self.plan, plan)?;
                take_up::states_to_bring_over(&ready.plan, &recorded)?
            }
        };
        let (aside, wake) = (self.swaps.aside, self.options.control.wake().clone());
        let at_once = self.options.environment.brought_over;
        let beside = Beside::begin(&ready.plan, states, &mut self.state, at_once, aside, &wake)?;
        Ok((ready, beside))
    }

    /// Computes `planned` with the new version, if one is ready, or as before: with what there was if the epoch cannot be
    /// made with it.
    pub(super) fn compute_or_swap(&mut self, planned: &EpochPlan) -> Result<EpochOutcome> {
        let (order, ready, beside) = match self.swaps.under_way.take() {
            Some(UnderWay { order, stage: Stage::Ready(ready, beside) }) => (order, ready, beside),
            other => {
                self.swaps.under_way = other;
                return self.compute_as_it_is(planned);
            }
        };
        let replaced = self.plugins.get(&order.change.plugin).cloned().unwrap_or_default();
        self.state.keep_undo();
        let before = self.put_in(&ready);
        let made = self.use_new(&ready, &beside).and_then(|()| self.compute(planned));
        match made {
            Ok(EpochOutcome::Computed(result)) => {
                self.state.forget_undo();
                let (plugin, digest) = (order.change.plugin.clone(), ready.digest.clone());
                if let Some(terms) = order.canary {
                    let now = self.plan.job.configurations(&plugin);
                    let version = CanaryVersion {
                        plugin: plugin.clone(),
                        digest: digest.clone(),
                        configurations: (ready.configurations != now).then(|| ready.configurations.clone()),
                        share: terms.share,
                        since: planned.epoch,
                    };
                    let change = order.change.clone();
                    self.swaps.canary = Some(Canary { change, terms, version, before, clean: 0 });
                    self.count_canary();
                } else {
                    self.swaps.note(&ready, &order, planned.epoch);
                    self.leave_canary(&before.plan);
                }
                let share = order.canary.map(|terms| terms.share);
                let swapped = Swapped { plugin, epoch: planned.epoch, digest, before: replaced, share };
                self.swaps.under_way = Some(UnderWay { order, stage: Stage::Committing(swapped) });
                Ok(EpochOutcome::Computed(result))
            }
            Ok(given_up) => {
                // Its sources went away: the epoch is made again later, and the swap with it.
                self.put_back(before);
                self.swaps.under_way = Some(UnderWay { order, stage: Stage::Ready(ready, beside) });
                Ok(given_up)
            }
            Err(e) => {
                self.take_back(planned.epoch)?;
                self.put_back(before);
                self.swaps.under_way = Some(UnderWay { order, stage: Stage::Ready(ready, beside) });
                self.swap_failed(e);
                self.compute_as_it_is(planned)
            }
        }
    }

    /// What an epoch that failed has changed is as it was.
    pub(super) fn take_back(&mut self, epoch: u64) -> Result<()> {
        self.state.undo();
        self.sinks.values_mut().try_for_each(|sink| sink.abandon())?;
        self.tell_logged(epoch);
        Ok(())
    }

    fn compute_as_it_is(&mut self, planned: &EpochPlan) -> Result<EpochOutcome> {
        match &self.swaps.canary {
            Some(_) => self.compute_with_canary(planned),
            None => self.compute(planned),
        }
    }

    fn use_new(&mut self, ready: &Ready, beside: &Beside) -> Result<()> {
        for (name, live) in self.sources.iter_mut() {
            live.decoder = live.source.decoder(&self.plan.sources[name].columns)?;
        }
        canaries(&self.plan).for_each(|(_, canary)| canary.forget_epoch());
        fork(&self.plan.clone(), &ready.olds, &mut self.state, &self.workers)?;
        beside.put_in_place(&mut self.state, &self.workers)?;
        for (state, old) in beside.brought_over() {
            take_up::tell_brought_over(state, old, &*self.options.observer);
        }
        Ok(())
    }

    /// The new version takes the place of what runs, which is given back.
    fn put_in(&mut self, ready: &Ready) -> Before {
        let plugins = ready.plan.plugins.digests();
        let fingerprints = fingerprints(&ready.plan);
        Before {
            plan: std::mem::replace(&mut self.plan, ready.plan.clone()),
            statics: std::mem::replace(&mut self.statics, ready.statics.clone()),
            decoders: self.sources.map(|_, live| live.decoder.clone()),
            plugins: std::mem::replace(&mut self.plugins, plugins),
            fingerprints: std::mem::replace(&mut self.fingerprints, fingerprints),
        }
    }

    pub(super) fn put_back(&mut self, before: Before) {
        let Before { plan, statics, decoders, plugins, fingerprints } = before;
        (self.plan, self.statics, self.plugins, self.fingerprints) = (plan, statics, plugins, fingerprints);
        for (name, live) in self.sources.iter_mut() {
            live.decoder.clone_from(&decoders[name]);
        }
    }
}

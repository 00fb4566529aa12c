//! How a walk over the edits of a job goes: edits, new input, a run that takes the edited job or refuses it.

use crate::simulation::Random;

/// A walk, with the input that is there and the model beside it.
pub(super) trait Walk {
    /// The job as it is edited.
    type Job: Clone;

    fn random(&mut self) -> &mut Random;

    /// One edit.
    fn edit(job: &mut Self::Job, random: &mut Random);

    /// One file more.
    fn write(&mut self);

    /// A run of the job; whether it was taken.
    fn run(&mut self, job: &Self::Job, fresh: bool) -> bool;
}

/// Walks `steps` steps from `job` on, of which one in so many begins anew.
pub(super) fn go<W: Walk>(walk: &mut W, mut job: W::Job, steps: usize, fresh_one_in: u64) {
    walk.write();
    assert!(walk.run(&job, false));
    for _ in 0..steps {
        let mut edited = job.clone();
        for _ in 0..walk.random().below(3) {
            W::edit(&mut edited, walk.random());
        }
        for _ in 0..walk.random().below(3) {
            walk.write();
        }
        let fresh = walk.random().one_in(fresh_one_in);
        if walk.run(&edited, fresh) {
            job = edited;
        } else if walk.random().one_in(2) {
            // As it was, it goes on from where it was: a refusal has changed nothing.
            assert!(walk.run(&job, false));
        }
    }
}

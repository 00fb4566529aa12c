//! How a failure is told: one report on standard error, with the place in the user's file, and an exit code.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};
use millstream_engine::{Error, ErrorKind};

use crate::excerpt::{CONTEXT, Excerpt};
use crate::progress::terminal;

/// Where a defect is to be reported.
pub(crate) const REPORT: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/issues");

/// Prints `error`; gives the exit code.
pub(crate) fn report(error: &Error) -> ExitCode {
    let colour = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let width = terminal::width().unwrap_or(110);
    // Nobody is left to tell if standard error is closed.
    let _ = std::io::stderr().write_all(render(error, colour, width).as_bytes());
    ExitCode::from(code(error))
}

/// 2 where the user must mend the job or the call (whatever points into the job file), else 1.
fn code(error: &Error) -> u8 {
    if error.kind() == ErrorKind::Invalid || error.location().is_some() { 2 } else { 1 }
}

fn render(error: &Error, colour: bool, width: usize) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(CONTEXT);
    let handler = if colour { handler } else { handler.without_syntax_highlighting() };
    let mut out = String::new();
    match handler.render_report(&mut out, &Diagnosis::new(error)) {
        Ok(()) => out,
        Err(_) => format!("error: {error}\n"),
    }
}

/// An engine error as miette wants it.
#[derive(Debug)]
struct Diagnosis<'a> {
    error: &'a Error,
    source: Option<Excerpt>,
}

impl<'a> Diagnosis<'a> {
    fn new(error: &'a Error) -> Self {
        Self { error, source: error.location().map(Excerpt::of) }
    }
}

impl fmt::Display for Diagnosis<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error.message())?;
        match self.error.kind() {
            ErrorKind::Internal => write!(f, " (this is a defect of Millstream: please report it at {REPORT})"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Diagnosis<'_> {
    /// The cause, unless the message has its words already.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(self.error).filter(|cause| !self.error.message().contains(&cause.to_string()))
    }
}

impl Diagnostic for Diagnosis<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.error.help().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.source.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::underline(excerpt.span.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use millstream_engine::connector::Connectors;
    use millstream_engine::error::Location;
    use millstream_engine::job::Job;

    use super::*;

    #[test]
    fn a_bad_job_shows_its_line_a_caret_and_a_hint() {
        let text = "name = \"x\"\n[source.logs]\npath = \"data\"\nformt = \"text\"\n[sink.out]\ninput = \"logs\"\n";
        let error = Job::parse(text, Path::new("jobs/x.toml"), Path::new("/jobs"), &Connectors::built_in().keys(), &[])
            .unwrap_err();
        let shown = render(&error, false, 100);
        assert!(shown.contains("unknown key `formt` in [source.logs]"), "{shown}");
        assert!(shown.contains("jobs/x.toml:4:1"), "{shown}");
        assert!(shown.contains("4 │ formt = \"text\""), "{shown}");
        assert!(shown.contains("──┬──") || shown.contains("─────"), "{shown}");
        assert!(shown.contains("help: did you mean `format`?"), "{shown}");
        assert!(!shown.contains('\x1b'), "no colours: {shown:?}");
        assert_eq!(code(&error), 2);
    }

    #[test]
    fn a_place_is_told_in_characters_and_long_lines_are_cut() {
        let schema = format!("schema = {{ \"größe €{}\" = \"utf8\", b = \"int65\" }}", "ü".repeat(300));
        let text = format!("name = \"x\"\n\n\n\n{schema}\n");
        let at = text.find("int65").unwrap();
        let place = Location { file: "x.toml".into(), text: text.into(), span: at..at + 5 };
        let error = Error::invalid("`int65` is not a type").at(place);
        let shown = render(&error, false, 100);
        let column = schema[..schema.find("int65").unwrap()].chars().count() + 1;
        assert!(shown.contains(&format!("x.toml:5:{column}]")), "{shown}");
        assert!(shown.contains("b = \"int65\" }") && shown.contains("─────"), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() < 260), "{shown}");
    }

    #[test]
    fn causes_are_shown_once() {
        let error = Error::new(ErrorKind::Unavailable, "cannot read the checkpoint")
            .caused_by(std::io::Error::other("disk on fire"));
        let shown = render(&error, false, 100);
        assert!(shown.contains("cannot read the checkpoint") && shown.contains("disk on fire"), "{shown}");
        assert_eq!(code(&error), 1);
        let error = Error::internal("epoch 4: disk on fire").caused_by(std::io::Error::other("disk on fire"));
        assert_eq!(render(&error, false, 100).matches("disk on fire").count(), 1);
    }
}

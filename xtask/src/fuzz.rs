//! `cargo xtask fuzz`: every way into the server, tried with what a fuzzer makes up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::interrupt::Interrupt;
use crate::postgres::{Purpose, Server, Source};
use crate::process::{self, Group, bound_to_us};
use crate::tool::{Tool, cargo_with_tools};
use crate::workspace;

const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2", ask: &["--version"] };

/// The only platform on which this is done.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// What libFuzzer is told: after how many seconds an input hangs, and how much memory is too much.
const LIMITS: [&str; 3] = ["-timeout=25", "-rss_limit_mb=2048", "-print_final_stats=1"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to look, all targets together
    #[arg(default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// The one target to run, a file of `fuzz/fuzz_targets`
    #[arg(long)]
    target: Option<String>,
}

/// How it went with one target.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    executions: u64,
    per_second: u64,
    /// Edges of the program that were passed.
    coverage: u64,
    /// The input that made it fail.
    finding: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let _lock = workspace::lock("fuzz")?;
    let targets = chosen(targets()?, args.target)?;
    // PostgreSQL first: whoever cannot have it should not learn so after a long build.
    let server = Source::find(interrupt).await?.start(Purpose::Test).await?;
    let outcomes = build_and_fuzz(&targets, args.seconds, &server, interrupt).await;
    let _ = fs::remove_dir_all(home().join("files"));
    server.stop().await?;
    let outcomes = outcomes?;
    print!("{}", table(&targets, &outcomes));
    let found = outcomes.iter().any(|outcome| outcome.finding.is_some());
    Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Where logs, findings and what the fuzzers have learnt are kept.
fn home() -> PathBuf {
    workspace::target().join("fuzz")
}

/// All targets, by name.
fn targets() -> Result<Vec<String>> {
    let directory = workspace::root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn chosen(targets: Vec<String>, one: Option<String>) -> Result<Vec<String>> {
    match one {
        None => Ok(targets),
        Some(one) if targets.contains(&one) => Ok(vec![one]),
        Some(one) => bail!("there is no target {one}; there are {}", targets.join(", ")),
    }
}

async fn build_and_fuzz(
    targets: &[String],
    seconds: u64,
    server: &Server,
    interrupt: &Interrupt,
) -> Result<Vec<Outcome>> {
    build(targets, interrupt).await?;
    let share = (seconds / targets.len() as u64).max(1);
    let mut outcomes = Vec::new();
    for target in targets {
        eprintln!("Fuzzing {target} for {share} s");
        outcomes.push(fuzz(target, share, server, interrupt).await?);
    }
    Ok(outcomes)
}

/// Builds what is to run. The house is safe Rust, so no sanitizer; little optimised, as most of the time goes to the build.
async fn build(targets: &[String], interrupt: &Interrupt) -> Result<()> {
    CARGO_FUZZ.install(interrupt).await?;
    let mut build = cargo_with_tools()?;
    build.args(["fuzz", "build", "--fuzz-dir", "fuzz", "--target", PLATFORM, "--target-dir"]);
    build.arg(workspace::target());
    build.args(["--dev", "--sanitizer", "none", "--features", "libfuzzer"]);
    if let [one] = targets {
        build.arg(one);
    }
    build.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    process::run_ok(build, interrupt).await
}

async fn fuzz(target: &str, seconds: u64, server: &Server, interrupt: &Interrupt) -> Result<Outcome> {
    let (corpus, findings) = (home().join("corpus").join(target), home().join("findings").join(target));
    for directory in [&corpus, &findings] {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let log = home().join(format!("{target}.log"));
    let mut fuzzer = bound_to_us(workspace::target().join(PLATFORM).join("debug").join(target));
    // What it learns goes into the first directory.
    fuzzer.arg(corpus).arg(workspace::root().join("fuzz/seeds").join(target));
    fuzzer.arg(format!("-artifact_prefix={}/", findings.display()));
    fuzzer.arg(format!("-max_total_time={seconds}")).args(LIMITS);
    fuzzer.env("DATABASE_URL", server.url());
    process::log_to(&mut fuzzer, &log)?;
    let status = process::wait(Group::spawn(target, fuzzer)?, interrupt).await?;
    let said = fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let said = String::from_utf8_lossy(&said);
    let outcome = read(&said);
    if status.success() {
        return Ok(outcome);
    }
    eprintln!("{}\n{target} failed ({status}); all that it said is in {}", reason(&said), log.display());
    // Without an input it is not the target that failed.
    if outcome.finding.is_none() {
        bail!("{target} could not be run");
    }
    Ok(outcome)
}

/// What libFuzzer says of a run.
fn read(log: &str) -> Outcome {
    let after = |line: &str, label: &str| -> Option<String> {
        let (_, rest) = line.split_once(label)?;
        rest.split_whitespace().next().map(str::to_owned)
    };
    let last = |label: &str| log.lines().rev().find_map(|line| after(line, label));
    let number = |label: &str| last(label).and_then(|text| text.parse().ok()).unwrap_or_default();
    Outcome {
        executions: number("stat::number_of_executed_units:"),
        per_second: number("stat::average_exec_per_sec:"),
        coverage: number(" cov: "),
        finding: last("Test unit written to ").map(PathBuf::from),
    }
}

/// The panic, where there was one: it stands before a long backtrace. Else the end.
fn reason(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let panic = lines.iter().position(|line| line.contains(" panicked at "));
    let start = panic.unwrap_or(lines.len().saturating_sub(20));
    let end = lines.len().min(start + if panic.is_some() { 5 } else { 20 });
    lines[start..end].join("\n")
}

fn table(targets: &[String], outcomes: &[Outcome]) -> String {
    let mut table =
        format!("{:<12}{:>12}{:>14}{:>10}  finding\n", "target", "executions", "executions/s", "coverage");
    for (target, Outcome { executions, per_second, coverage, finding }) in targets.iter().zip(outcomes) {
        let finding = finding.as_deref().unwrap_or(Path::new("-")).display();
        table.push_str(&format!("{target:<12}{executions:>12}{per_second:>14}{coverage:>10}  {finding}\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
#2\tINITED cov: 11 ft: 12 corp: 1/1b exec/s: 0 rss: 30Mb
#512\tNEW    cov: 1234 ft: 4321 corp: 7/99b lim: 4 exec/s: 256 rss: 31Mb L: 2/4 MS: 1 ChangeByte-
stat::number_of_executed_units: 4096
stat::average_exec_per_sec:     512
";

    /// The figures of the table are the fuzzer's own.
    #[test]
    fn figures_are_read() {
        let quiet = Outcome { executions: 4096, per_second: 512, coverage: 1234, finding: None };
        assert_eq!(read(LOG), quiet);
        let loud = format!("{LOG}artifact_prefix='f/'; Test unit written to f/crash-1\nBase64: AA==\n");
        assert_eq!(read(&loud), Outcome { finding: Some("f/crash-1".into()), ..quiet });
        assert_eq!(read("no such file"), Outcome::default());
    }

    /// Why a target failed is not buried under what follows.
    #[test]
    fn the_panic_is_shown() {
        let after = "frame\n".repeat(50);
        let panicked = format!("before\nthread 'main' panicked at src/a.rs:1:1:\nno luck\n{after}");
        assert!(reason(&panicked).starts_with("thread 'main' panicked at src/a.rs:1:1:\nno luck\n"));
        assert_eq!(reason("a hang\n"), "a hang");
    }

    /// Whoever mistypes a target is told which ones there are.
    #[test]
    fn targets_are_chosen_by_name() {
        let all = targets().unwrap();
        assert_eq!(chosen(all.clone(), None).unwrap(), all);
        assert_eq!(chosen(all.clone(), Some("token".to_owned())).unwrap(), ["token"]);
        let mistake = chosen(all, Some("tokens".to_owned())).unwrap_err().to_string();
        assert!(mistake.contains("selector, socket, token, trigger"), "{mistake}");
    }
}

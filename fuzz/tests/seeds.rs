//! What the fuzzers begin with, through the same functions: so that targets and seeds stay what they are for.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a helper that cannot prepare a test has failed it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use edgehog_fuzz::{TARGETS, Target};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(directory: &str) -> Vec<PathBuf> {
    let directory = here().join(directory);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// What a file is called, without what its name ends in.
fn names(directory: &str) -> BTreeSet<String> {
    let files = files(directory);
    files.iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

fn run_seeds(name: &str, target: Target) {
    let seeds = files(&format!("seeds/{name}"));
    assert!(!seeds.is_empty(), "{name}");
    for seed in seeds {
        // Told only of the one that fails.
        println!("{}", seed.display());
        target(&fs::read(seed).unwrap());
    }
}

/// Every target passes what is known of it, be it a form to begin with or something that was once found.
#[test]
fn seeds_pass() {
    for (name, target) in TARGETS {
        run_seeds(name, target);
    }
}

/// Every target has its program and its seeds, and there are no others.
#[test]
fn targets_have_programs_and_seeds() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("seeds"), targets);
}

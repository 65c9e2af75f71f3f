//! Goes through everything that the stock web console does with a running server, and says what went well.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use edgehog_console_check::{Target, check};
use secrecy::SecretString;
use url::Url;

#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Where the server answers, such as http://localhost:4000; sockets are opened without TLS only
    #[arg(long, env = "EDGEHOG_URL")]
    url: Url,
    /// The slug of the tenant, in which some things are made and deleted again
    #[arg(long, env = "EDGEHOG_TENANT")]
    tenant: String,
    /// A token of the tenant
    #[arg(long, env = "EDGEHOG_TOKEN", hide_env_values = true)]
    token: SecretString,
    /// Where the console's page is from
    #[arg(long, default_value = "http://localhost:8080")]
    origin: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args { url, tenant, token, origin } = Args::parse();
    let begun = Instant::now();
    let mut count = 0;
    let passed = |step: &str| {
        count += 1;
        println!("  ok  {step}");
    };
    match check(&Target { url, tenant, token, origin }, passed).await {
        Ok(()) => {
            let elapsed = begun.elapsed().as_secs_f32();
            println!("\nThe console has what it needs: {count} steps, {elapsed:.1} s.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

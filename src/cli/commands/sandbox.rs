//! `entitled sandbox`: the simulators alone.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::bootstrap::state_beside;
use crate::cli::{Context, Exit, Failure, print};
use crate::daemon::presets;
use crate::sandbox::{Options, Seed};
use crate::{config, sandbox};

/// `entitled sandbox`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the simulated Logto listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3901")]
    logto: SocketAddr,
    /// Where the simulated shop listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3902")]
    shop: SocketAddr,
    /// What they start with, as YAML or JSON; the demo without it.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// Where they keep their state; beside the store without it, where `run` finds it too.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Discard the state and start afresh.
    #[arg(long)]
    reset: bool,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let Args { logto, shop, seed, state, reset } = args;
    let state = state.unwrap_or_else(|| state_beside(&store(context)));
    if reset {
        sandbox::reset(&state).await?;
    }
    let seed = match seed {
        Some(path) => Seed::load(&path)?,
        None => Seed::demo(),
    };
    let running = sandbox::start(Options { logto, shop, state: Some(state), seed: Some(seed) }).await?;
    if running.handles().is_none() {
        return Err(Failure::plain(
            format!("another process serves this sandbox: Logto {}, shop {}", running.logto_url(), running.shop_url()),
            "use it there, stop it first, or name another file with `--state`",
        ));
    }
    // Heard from now on: whoever reads the addresses may end this at once.
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    print(&format!(
        "Logto  {}  application {}, secret {}\nshop   {}  bearer {}\n",
        running.logto_url(),
        sandbox::APP_ID,
        sandbox::APP_SECRET,
        running.shop_url(),
        sandbox::SHOP_TOKEN
    ))?;
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    running.stop().await?;
    Ok(Exit::Done)
}

/// Where the store of the configuration lies, or would lie where the file is not valid or not there.
fn store(context: &Context) -> PathBuf {
    config::load(&context.file, &presets())
        .map_or_else(|_| context.file.with_file_name("entitled.db"), |loaded| loaded.config.store)
}

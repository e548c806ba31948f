//! `entitled run`: the daemon.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::open::{Keep, Opened, open};
use super::{Context, Exit, Failure, apply, plan, say};
use crate::daemon::{self, Mode, Pulse, Stop, Stopper};
use crate::render;
use crate::{clock, lease};

/// `entitled run`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show what would be done, and do nothing: neither Logto nor the store is written to.
    #[arg(long)]
    dry_run: bool,
    /// One full pass, then exit.
    #[arg(long)]
    once: bool,
}

/// How long a daemon that cannot start yet waits before it tries again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT, or for one pass.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let (stopper, stop) = daemon::stop();
    tokio::spawn(hear(stopper));
    match (args.once, args.dry_run) {
        (true, true) => plan::show(context, plan::Output::Text).await,
        (true, false) => once(context, stop).await,
        (false, true) => watch(context, Keep::Scratch, Mode::DryRun, stop).await,
        (false, false) => watch(context, Keep::Real, Mode::Live, stop).await,
    }
}

async fn once(context: &Context, mut stop: Stop) -> Result<Exit, Failure> {
    let opened = tokio::select! {
        opened = open(context, Keep::Real) => opened?,
        () = stop.wait() => return Ok(Exit::Failed),
    };
    let _lease = apply::take(&opened)?;
    let sight = tokio::select! {
        sight = opened.look(clock::now()) => sight?,
        () = stop.wait() => return Ok(Exit::Failed),
    };
    say(&render::text(&sight.view, context.color))?;
    let ended = apply::carry_out(context, &opened, &sight, &stop).await;
    opened.store.close().await;
    ended
}

async fn watch(context: &Context, keep: Keep, mode: Mode, mut stop: Stop) -> Result<Exit, Failure> {
    let opened = loop {
        let opened = tokio::select! {
            opened = open(context, keep) => opened,
            () = stop.wait() => return Ok(Exit::Done),
        };
        match opened {
            Err(failure) if failure.may_pass() => {
                eprint!("{}", failure.render(context.notes));
                tracing::warn!(seconds = PATIENCE.as_secs(), "not started yet; trying again");
                tokio::select! {
                    () = tokio::time::sleep(PATIENCE) => {}
                    () = stop.wait() => return Ok(Exit::Done),
                }
            }
            opened => break opened?,
        }
    };
    let _lease = match mode {
        Mode::Live => match lease::wait(&opened.in_force.config.store, &mut stop).await? {
            Some(lease) => Some(lease),
            None => return Ok(Exit::Done),
        },
        Mode::DryRun => None,
    };
    let Opened { in_force, store, simulators, running } = opened;
    let start =
        daemon::Start { file: context.file.clone(), in_force, simulators, store, mode, pulse: Pulse::default() };
    daemon::run(start, stop).await;
    drop(running);
    Ok(Exit::Done)
}

/// SIGTERM or SIGINT asks for the end; a second one does not wait for it.
async fn hear(stopper: Stopper) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return;
    };
    for asked in 0.. {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        if asked > 0 {
            std::process::exit(Exit::Failed as i32);
        }
        tracing::info!("ending after what is in flight; once more to end at once");
        stopper.stop();
    }
}

//! The wish to end: asked once, ends after what is in flight; asked twice, ends at once.

use tokio::sync::watch;

/// Tells whether the end was asked for. Clones hear of the same wish.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Asks for the end.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

/// A wish and its ear.
pub fn shutdown() -> (ShutdownTrigger, Shutdown) {
    let (send, receive) = watch::channel(false);
    (ShutdownTrigger(send), Shutdown(receive))
}

impl ShutdownTrigger {
    /// Asks for the end.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// An ear that never hears anything, for a command that runs to its end.
    pub fn never() -> Self {
        shutdown().1
    }

    /// Whether the end was asked for.
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the end is asked for.
    pub async fn wait(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // The other half is gone: nobody will ever ask.
            std::future::pending().await
        }
    }
}

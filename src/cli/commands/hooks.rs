//! `entitled hooks logto`: sets the webhook up in Logto, and keeps its key.

use clap::Subcommand;

use crate::cli::{Context, Exit, Failure, file, print_wrapped};
use crate::clock;
use crate::config::settings::LogtoEndpoint;
use crate::logto::{Client, Was};
use crate::store::{LogtoHook, Store};

/// `entitled hooks`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Let Logto tell this program of changes: sets up a webhook there, or brings it up to date, and keeps its key.
    Logto {
        /// Where Logto reaches `entitled run`; ends in `/hooks/logto`.
        #[arg(long, value_name = "URL")]
        url: String,
    },
}

/// Sets the webhook up. Its key goes into the store and nowhere else.
pub(crate) async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let What::Logto { url } = args.what;
    let (config, ..) = file::load(context)?;
    let LogtoEndpoint::Url(endpoint) = &config.logto.endpoint else {
        return Err(Failure::plain(
            "the sandbox of this file lives only while `run` does",
            "name a Logto by its address in `logto.endpoint`",
        ));
    };
    let parsed = reqwest::Url::parse(&url).ok();
    if !parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.path() == "/hooks/logto") {
        return Err(Failure::plain(
            format!("`{url}` is not an address that ends in `/hooks/logto`"),
            "for example `https://entitled.example.com/hooks/logto`",
        ));
    }
    // Opened first: a key that cannot be kept is not asked for.
    let store = Store::open(&config.store).await?;
    let hook = Client::new(endpoint, &config.logto).writer().set_up_hook(&url).await?;
    let was = match hook.was {
        Was::Absent => "set up",
        Was::There => "was there, and is up to date",
    };
    let kept = LogtoHook { id: hook.id.clone(), url: url.clone(), key: hook.key };
    store.keep_logto_hook(&kept, clock::now()).await?;
    store.close().await;
    print_wrapped(&format!("webhook {} {was}: Logto tells {url} of changes; its key is in the store\n", hook.id))?;
    Ok(Exit::Done)
}

//! Who asks: what a request shows of itself, found out once and before anything is done for it.
//!
//! With a token whoever shows it, or has signed in with it, is let in, from anywhere and nobody else, this machine
//! included: a proxy on it makes the whole world look like this machine. Without one only a program on this machine is,
//! and only where nothing says that it passes on what others ask.

#![expect(clippy::disallowed_methods, reason = "an edge: asks when somebody shows a token")]

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Version};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use super::guesses::Verdict;
use super::{App, Refused, forwarded};
use crate::report::preview::People;
use crate::secret::Secret;

/// What whoever sent a request has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The token of the API.
    Token,
    /// The cookie of somebody who has signed in.
    Session,
    /// The token for previews, which opens nothing else.
    Preview,
    /// No token is set, and it comes from this very machine.
    Local,
    /// Nothing that would let it in; how it is refused where that is needed.
    Stranger(Refused),
}

/// Who sent a request. An argument of every handler that does not answer just anybody.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) standing: Standing,
    pub(super) headers: HeaderMap,
    /// The connection that it came by.
    pub(super) extensions: Extensions,
}

/// The other end of a connection, in the extensions of each request on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// For whom a trusted proxy at the other end asks, in the extensions of such a request.
#[derive(Clone, Copy, Debug)]
struct Client(IpAddr);

impl Caller {
    /// Whether anything may be read.
    pub(super) fn reads(&self) -> Result<(), Refused> {
        match self.standing {
            Standing::Token | Standing::Session | Standing::Local => Ok(()),
            Standing::Preview => Err(Refused::NoToken),
            Standing::Stranger(refused) => Err(refused),
        }
    }

    /// Whether what merging would do may be asked, and how people are called then: whoever may ask nothing else is
    /// shown nobody's name.
    pub(super) fn previews(&self) -> Result<People, Refused> {
        match self.standing {
            Standing::Token | Standing::Session | Standing::Local => Ok(People::Named),
            Standing::Preview => Ok(People::Numbered),
            Standing::Stranger(refused) => Err(refused),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let standing = parts.extensions.get::<Standing>().copied().unwrap_or(Standing::Stranger(Refused::NoToken));
        Ok(Self { standing, headers: parts.headers.clone(), extensions: parts.extensions.clone() })
    }
}

impl App {
    /// What a token that was shown comes to.
    pub(super) fn judge(&self, shown: &str, token: &Secret, extensions: &Extensions) -> Verdict {
        self.0.guesses.judge(client(extensions), || same(shown, token.expose()), Instant::now())
    }

    /// Finds out who asks, and notes from where.
    ///
    /// # Errors
    /// Where a trusted proxy leaves open from where: whatever it shows is not looked at.
    pub(super) fn recognize(&self, request: &mut Request) -> Result<Standing, Refused> {
        let client = forwarded::client(client(request.extensions()), request.headers(), &self.door().trusted)?;
        request.extensions_mut().insert(Client(client));
        Ok(self.standing(request))
    }

    fn standing(&self, request: &Request) -> Standing {
        let headers = request.headers();
        if let (Some(token), Some(shown)) = (&self.door().preview, shown(headers))
            && same(shown, token.expose())
        {
            return Standing::Preview;
        }
        match &self.door().token {
            Some(token) => match shown(headers).map(|shown| self.judge(shown, token, request.extensions())) {
                Some(Verdict::Right) => Standing::Token,
                _ if self.is_signed_in(headers) => Standing::Session,
                Some(Verdict::TooMany) => Standing::Stranger(Refused::TooManyTries),
                Some(Verdict::Wrong) | None => Standing::Stranger(Refused::NoToken),
            },
            None if self.door().address.ip().is_loopback() && is_local(request) => Standing::Local,
            None => Standing::Stranger(Refused::NoTokenSet),
        }
    }
}

/// The token that a request shows.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let shown = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, token) = shown.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?;
    Some(token.trim())
}

/// From where a request comes: the other end of its connection, or whom a trusted proxy there asks for.
pub(super) fn client(extensions: &Extensions) -> IpAddr {
    let peer = || extensions.get::<Peer>().map(|Peer(address)| address.ip());
    let client = extensions.get::<Client>().map(|Client(address)| *address);
    client.or_else(peer).unwrap_or(Ipv4Addr::UNSPECIFIED.into())
}

/// Whether a request can be meant for nobody else: it names one host, and that once.
pub(super) fn names_one_host(request: &Request) -> bool {
    let mut named = request.headers().get_all(HOST).iter();
    let first = named.next().map(HeaderValue::as_bytes);
    let whole = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    named.next().is_none() && (whole.is_none() || first.is_none() || whole == first)
}

/// Whether a request was made on this machine, for this machine, and passed on by nobody as far as it shows.
fn is_local(request: &Request) -> bool {
    let peer = request.extensions().get::<Peer>().is_some_and(|Peer(address)| address.ip().is_loopback());
    // What a proxy speaks that was told nothing else, and no browser and no other program of today.
    let old = request.version() < Version::HTTP_11;
    peer && !old && names_this_machine(request.headers()) && !request.headers().keys().any(|name| adds(name.as_str()))
}

/// Whether the name that was asked for can be no other machine's. A page of another site may have its own name point
/// to 127.0.0.1, and then reads what a browser on this machine is answered.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a header is one that proxies, balancers and content networks add, and no browser and no program by itself.
fn adds(header: &str) -> bool {
    const NAMES: [&str; 12] = [
        "forwarded",
        "via",
        "x-real-ip",
        "true-client-ip",
        "client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-proxyuser-ip",
        "fastly-client-ip",
        "x-amzn-trace-id",
        "cdn-loop",
        "x-arr-log-id",
    ];
    const STARTS: [&str; 7] = ["x-forwarded", "forwarded-", "x-original-", "cf-", "x-envoy-", "x-azure-", "fly-"];
    NAMES.contains(&header) || STARTS.iter().any(|start| header.starts_with(start))
}

/// Takes as long for a wrong value as for the right one: what is compared are digests, which have one length.
pub(super) fn same(shown: &str, known: &str) -> bool {
    Sha256::digest(shown)[..].ct_eq(&Sha256::digest(known)[..]).into()
}

//! The proxies that the environment names: which calls go through them, and what to call them when one fails.
//!
//! Never shows the credentials of a proxy. What runs on this machine is asked without one.
#![expect(clippy::disallowed_methods, reason = "an edge: the variables that every HTTP client reads")]

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{NoProxy, Proxy, Url};

/// Never asked through a proxy: it would not reach them, and would learn what it is not told.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// For the scheme of a call: the address of its proxy.
struct Proxies {
    http: Option<String>,
    https: Option<String>,
    /// Hosts that are asked directly.
    direct: String,
}

impl Proxies {
    fn of_environment() -> Self {
        let one = |names: &[&str]| {
            let found = names.iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.trim().is_empty());
            found.map(|value| if value.contains("://") { value } else { format!("http://{value}") })
        };
        let all = one(&["ALL_PROXY", "all_proxy"]);
        // In a CGI program the client chooses `HTTP_PROXY`: it is the header `Proxy`.
        let http = match std::env::var_os("REQUEST_METHOD") {
            Some(_) => None,
            None => one(&["HTTP_PROXY", "http_proxy"]),
        };
        let direct = ["NO_PROXY", "no_proxy"].iter().find_map(|name| std::env::var(name).ok());
        Self {
            http: http.or_else(|| all.clone()),
            https: one(&["HTTPS_PROXY", "https_proxy"]).or(all),
            direct: direct.map_or_else(|| LOOPBACK.to_owned(), |direct| format!("{LOOPBACK},{direct}")),
        }
    }

    /// The proxy for a call to `url`, without its credentials.
    fn of(&self, url: &str) -> Option<String> {
        let mut matcher = Matcher::builder().no(self.direct.clone());
        if let Some(http) = &self.http {
            matcher = matcher.http(http.clone());
        }
        if let Some(https) = &self.https {
            matcher = matcher.https(https.clone());
        }
        let uri = url.parse().ok()?;
        let found = matcher.build().intercept(&uri)?;
        let address: Url = found.uri().to_string().parse().ok()?;
        let port = address.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}://{}{port}", address.scheme(), address.host_str()?))
    }
}

/// The builder, with what the environment says of proxies.
pub(super) fn with_proxies(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    let Proxies { http, https, direct } = Proxies::of_environment();
    if http.is_none() && https.is_none() {
        return builder;
    }
    let made = [http.map(Proxy::http), https.map(Proxy::https)].into_iter().flatten();
    made.fold(builder.no_proxy(), |builder, proxy| match proxy {
        Ok(proxy) => builder.proxy(proxy.no_proxy(NoProxy::from_string(&direct))),
        Err(error) => {
            tracing::warn!(%error, "a proxy set in the environment is not an address, and is ignored");
            builder
        }
    })
}

/// For a sentence about a call to `url`: ` through the proxy ...`, where it goes through one.
pub(crate) fn through(url: &str) -> String {
    Proxies::of_environment().of(url).map(|proxy| format!(" through the proxy `{proxy}`")).unwrap_or_default()
}

/// What to look at when a call to `url` failed, where it goes through a proxy.
pub(crate) fn proxy_hint(url: &str) -> Option<String> {
    let proxy = Proxies::of_environment().of(url)?;
    Some(format!(
        "calls go through the proxy `{proxy}`, as `HTTP_PROXY`, `HTTPS_PROXY` or `ALL_PROXY` says: check that it runs, \
         or name the host in `NO_PROXY`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_asked_without_a_proxy() {
        let proxies = Proxies {
            http: Some("http://me:s3cr3t@proxy.example.com:3128".to_owned()),
            https: Some("http://proxy.example.com".to_owned()),
            direct: format!("{LOOPBACK},.example.net"),
        };
        for near in [
            "http://127.0.0.1:3001/api",
            "https://127.8.9.1",
            "http://localhost:3001",
            "http://[::1]:3001",
            "https://shop.example.net/orders",
        ] {
            assert_eq!(proxies.of(near), None, "{near}");
        }
        for far in
            ["http://logto.example.com", "http://10.0.0.7:3001", "http://[2001:db8::1]/", "http://127.example.com"]
        {
            assert_eq!(proxies.of(far).as_deref(), Some("http://proxy.example.com:3128"), "{far}");
        }
        assert_eq!(proxies.of("https://logto.example.com").as_deref(), Some("http://proxy.example.com"));
    }
}

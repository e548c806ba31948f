//! The simulators answer as the real servers do, and go wrong as they are told to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod faults;
mod logto;
mod shop;
mod state;

use std::time::Duration;

use entitled::sandbox::{
    APP_ID, APP_SECRET, Handles, LogtoSim, Options, RESOURCE, Running, SHOP_TOKEN, ShopSim, start,
};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// A fresh sandbox and a client that is signed in to both of its servers.
pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) logto: LogtoSim,
    pub(crate) shop: ShopSim,
    client: reqwest::Client,
    token: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Got {
    pub(crate) async fn read(response: Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Self { status, headers, text: response.text().await? })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in `{}`", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and error code.
    pub(crate) fn code(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    /// The ids of the rows of a list.
    pub(crate) fn ids(&self) -> Vec<String> {
        let rows = self.json();
        rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(start(Options::default()).await.unwrap()).await
    }

    pub(crate) async fn of(running: Running) -> Self {
        let Handles { logto, shop } = running.handles().unwrap().clone();
        let client = entitled::http::client(Duration::from_secs(10));
        let mut world = Self { running, logto, shop, client, token: String::new() };
        world.token = world.new_token(APP_ID).await;
        world.logto.clear_requests();
        world
    }

    pub(crate) async fn new_token(&self, app: &str) -> String {
        self.ask_token(app).await.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn ask_token(&self, app: &str) -> Got {
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE), ("scope", "all")];
        let url = format!("{}/oidc/token", self.running.logto_url());
        let sent = self.client.post(url).basic_auth(app, Some(APP_SECRET)).form(&form).send().await;
        Got::read(sent.unwrap()).await.unwrap()
    }

    /// A call to Logto that may fail on the way.
    pub(crate) async fn try_logto(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Got> {
        let url = format!("{}{path}", self.running.logto_url());
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Got::read(request.send().await?).await
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.try_logto(Method::GET, path, None).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Got {
        self.try_logto(Method::POST, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Got {
        self.try_logto(Method::DELETE, path, None).await.unwrap()
    }

    /// A call to the shop, signed in with its static token.
    pub(crate) async fn try_shop(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Got> {
        let url = format!("{}{path}", self.running.shop_url());
        let mut request = self.client.request(method, url).bearer_auth(SHOP_TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Got::read(request.send().await?).await
    }

    pub(crate) async fn shop_get(&self, path: &str) -> Got {
        self.try_shop(Method::GET, path, None).await.unwrap()
    }

    pub(crate) async fn shop_post(&self, path: &str, body: Value) -> Got {
        self.try_shop(Method::POST, path, Some(body)).await.unwrap()
    }

    /// Every row of a list of Logto's, page after page, as a naive client reads it.
    pub(crate) async fn walk(&self, path: &str, size: usize) -> (usize, Vec<String>) {
        let (mut ids, mut page) = (Vec::new(), 1);
        loop {
            let got = self.get(&format!("{path}?page={page}&page_size={size}")).await;
            let total: usize = got.header("total-number").parse().unwrap();
            let rows = got.ids();
            if rows.is_empty() {
                return (total, ids);
            }
            ids.extend(rows);
            page += 1;
        }
    }
}

/// A client without any token.
pub(crate) async fn anonymous(method: Method, url: String, body: Value) -> Got {
    let client = entitled::http::client(Duration::from_secs(10));
    Got::read(client.request(method, url).json(&body).send().await.unwrap()).await.unwrap()
}

pub(crate) fn nothing() -> Value {
    json!({})
}

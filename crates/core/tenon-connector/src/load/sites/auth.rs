//! The value positions of auth methods.

use super::Walk;
use crate::load::finder::at;
use crate::manifest::auth::{
    Assertion, AuthKind, AuthMethod, ClientAuth, Injection, JwtAssertion, Oauth1Signer,
    SamlAssertion, Signer, TokenRequest, TokenResponse,
};
use crate::manifest::request::RequestStep;

const AUTHORIZE: &[&str] = &["oauth"];
const TOKEN: &[&str] = &["oauth", "callback", "token"];
const EXCHANGE: &[&str] = &["oauth", "callback", "token", "steps", "assertion"];
const EXCHANGE_ANSWER: &[&str] = &["oauth", "callback", "token", "steps", "assertion", "response"];
const INJECT: &[&str] = &["token", "request"];
const SIGNED: &[&str] = &["token", "request", "signature"];

impl<'a> Walk<'a> {
    pub(super) fn method(&mut self, pointer: &str, method: &'a AuthMethod) {
        match &method.kind {
            AuthKind::None | AuthKind::ApiKey | AuthKind::Basic | AuthKind::Fields => {}
            AuthKind::Oauth2(oauth) => {
                self.roots = AUTHORIZE;
                self.source(&format!("{pointer}/authorize_url"), &oauth.authorize_url);
                self.map(&format!("{pointer}/authorize_params"), &oauth.authorize_params);
                self.roots = TOKEN;
                self.source(&format!("{pointer}/token_url"), &oauth.token_url);
                self.token_request(&format!("{pointer}/token_request"), &oauth.token_request);
                self.maybe(&format!("{pointer}/refresh/url"), oauth.refresh.url.as_ref());
                self.map(&format!("{pointer}/refresh/params"), &oauth.refresh.params);
                self.map(&format!("{pointer}/refresh/headers"), &oauth.refresh.headers);
                self.map(&format!("{pointer}/callback"), &oauth.callback);
                self.response(&format!("{pointer}/response"), &oauth.response);
            }
            AuthKind::ClientCredentials(client) => {
                self.roots = TOKEN;
                self.source(&format!("{pointer}/token_url"), &client.token_url);
                self.token_request(&format!("{pointer}/token_request"), &client.token_request);
                self.maybe(&format!("{pointer}/client_id"), client.client_id.as_ref());
                self.maybe(&format!("{pointer}/client_secret"), client.client_secret.as_ref());
                self.response(&format!("{pointer}/response"), &client.response);
            }
            AuthKind::TokenExchange(exchange) => {
                self.exchange(&format!("{pointer}/steps"), &exchange.steps);
                self.response(&format!("{pointer}/response"), &exchange.response);
                self.exchange(&format!("{pointer}/refresh_steps"), &exchange.refresh_steps);
            }
            AuthKind::Assertion(exchange) => {
                self.roots = EXCHANGE;
                self.assertion(&format!("{pointer}/assertion"), &exchange.assertion);
                self.exchange(&format!("{pointer}/steps"), &exchange.steps);
                self.response(&format!("{pointer}/response"), &exchange.response);
            }
            AuthKind::Oauth1(oauth) => {
                self.roots = TOKEN;
                let url = oauth.request_token_url.as_ref();
                self.maybe(&format!("{pointer}/request_token_url"), url);
                self.maybe(&format!("{pointer}/authorize_url"), oauth.authorize_url.as_ref());
                self.map(&format!("{pointer}/authorize_params"), &oauth.authorize_params);
                self.maybe(&format!("{pointer}/access_token_url"), oauth.access_token_url.as_ref());
                self.oauth1(&format!("{pointer}/signer"), &oauth.signer);
            }
            AuthKind::AppInstallation(app) => {
                self.roots = AUTHORIZE;
                self.source(&format!("{pointer}/install_url"), &app.install_url);
                self.roots = EXCHANGE;
                self.map(&format!("{pointer}/callback"), &app.callback);
                self.jwt(&format!("{pointer}/jwt"), &app.jwt);
                self.request(&format!("{pointer}/request"), &app.request);
                self.response(&format!("{pointer}/response"), &app.response);
            }
            AuthKind::McpOauth(mcp) => {
                self.roots = &[];
                self.source(&format!("{pointer}/server_url"), &mcp.server_url);
            }
        }
        self.steps.clear();
        if let Some(injection) = &method.inject {
            self.injection(&format!("{pointer}/inject"), injection);
        }
        for (name, injection) in &method.token_types {
            self.injection(&at(&format!("{pointer}/token_types"), name), injection);
        }
    }

    fn token_request(&mut self, pointer: &str, request: &'a TokenRequest) {
        self.map(&format!("{pointer}/params"), &request.params);
        self.map(&format!("{pointer}/headers"), &request.headers);
        if let ClientAuth::PrivateKeyJwt(jwt) = &request.client_auth {
            self.jwt(&format!("{pointer}/client_auth/private_key_jwt"), jwt);
        }
    }

    fn response(&mut self, pointer: &str, response: &'a TokenResponse) {
        self.roots = EXCHANGE_ANSWER;
        for (name, source) in [
            ("access_token", &response.access_token),
            ("refresh_token", &response.refresh_token),
            ("expires_in", &response.expires_in),
            ("expires_at", &response.expires_at),
            ("scope", &response.scope),
            ("error", &response.error),
        ] {
            self.maybe(&format!("{pointer}/{name}"), source.as_ref());
        }
        self.map(&format!("{pointer}/extra"), &response.extra);
        self.map(&format!("{pointer}/fields"), &response.fields);
    }

    fn exchange(&mut self, pointer: &str, steps: &'a [RequestStep]) {
        self.steps.clear();
        self.sequence(pointer, steps, EXCHANGE, EXCHANGE_ANSWER);
    }

    fn assertion(&mut self, pointer: &str, assertion: &'a Assertion) {
        match assertion {
            Assertion::Jwt(jwt) => self.jwt(pointer, jwt),
            Assertion::Saml(saml) => self.saml(pointer, saml),
        }
    }

    fn jwt(&mut self, pointer: &str, jwt: &'a JwtAssertion) {
        self.source(&format!("{pointer}/key"), &jwt.key);
        self.map(&format!("{pointer}/header"), &jwt.header);
        self.map(&format!("{pointer}/claims"), &jwt.claims);
    }

    fn saml(&mut self, pointer: &str, saml: &'a SamlAssertion) {
        self.source(&format!("{pointer}/key"), &saml.key);
        self.maybe(&format!("{pointer}/certificate"), saml.certificate.as_ref());
        self.source(&format!("{pointer}/issuer"), &saml.issuer);
        self.source(&format!("{pointer}/subject"), &saml.subject);
        self.source(&format!("{pointer}/audience"), &saml.audience);
        self.source(&format!("{pointer}/recipient"), &saml.recipient);
        self.map(&format!("{pointer}/attributes"), &saml.attributes);
    }

    fn oauth1(&mut self, pointer: &str, signer: &'a Oauth1Signer) {
        self.source(&format!("{pointer}/consumer_key"), &signer.consumer_key);
        self.source(&format!("{pointer}/consumer_secret"), &signer.consumer_secret);
        self.maybe(&format!("{pointer}/token"), signer.token.as_ref());
        self.maybe(&format!("{pointer}/token_secret"), signer.token_secret.as_ref());
        self.maybe(&format!("{pointer}/realm"), signer.realm.as_ref());
    }

    fn injection(&mut self, pointer: &str, injection: &'a Injection) {
        self.roots = INJECT;
        self.map(&format!("{pointer}/headers"), &injection.headers);
        self.map(&format!("{pointer}/query"), &injection.query);
        self.map(&format!("{pointer}/body"), &injection.body);
        if let Some(signer) = &injection.sign {
            self.signer(&format!("{pointer}/sign"), signer);
        }
        self.roots = INJECT;
        if let Some(certificate) = &injection.client_certificate {
            let pointer = format!("{pointer}/client_certificate");
            self.source(&format!("{pointer}/certificate"), &certificate.certificate);
            self.source(&format!("{pointer}/key"), &certificate.key);
        }
    }

    fn signer(&mut self, pointer: &str, signer: &'a Signer) {
        match signer {
            Signer::Sigv4 { service, region, access_key, secret_key, session_token } => {
                self.source(&format!("{pointer}/service"), service);
                self.source(&format!("{pointer}/region"), region);
                self.source(&format!("{pointer}/access_key"), access_key);
                self.source(&format!("{pointer}/secret_key"), secret_key);
                self.maybe(&format!("{pointer}/session_token"), session_token.as_ref());
            }
            Signer::Oauth1(signer) => self.oauth1(pointer, signer),
            Signer::Wsse { username, password } => {
                self.source(&format!("{pointer}/username"), username);
                self.source(&format!("{pointer}/password"), password);
            }
            Signer::Hmac { key, message, set, .. } => {
                self.source(&format!("{pointer}/key"), key);
                self.source(&format!("{pointer}/message"), message);
                self.roots = SIGNED;
                self.map(&format!("{pointer}/set"), set);
            }
        }
    }
}

//! What the parts that use accounts take of the settings.

use tenon_config::linking::LinkSettings;
use tenon_connect::ConnectSettings;
use tenon_credentials::settings::{CacheSettings, ExchangeSettings, RenewalSettings};
use tenon_exec::calls::CallLogSettings;
use tenon_exec::steps::integration::{IntegrationLimits, SlotSettings};
use tenon_exec::webhooks::DirectorySettings;
use tenon_gateway::webhooks::WebhookSettings;
use tenon_proxy::ProxySettings;
use url::Url;

use super::{Settings, ms};

impl Settings {
    /// For credentials in use and for linking.
    #[must_use]
    pub fn credentials(&self) -> tenon_credentials::Settings {
        let (vault, renewal) = (&self.vault, &self.vault.renewal);
        let usual = tenon_credentials::Settings::default();
        tenon_credentials::Settings {
            cache: CacheSettings {
                ttl: ms(vault.cache_ttl_ms),
                dead_ttl: ms(vault.cache_dead_ttl_ms),
                entries_max: vault.cache_entries_max,
                key_life: ms(vault.cache_key_interval_ms),
                shared_ttl: ms(vault.share_ttl_ms),
                shared_patience: ms(vault.share_patience_ms),
            },
            renewal: RenewalSettings {
                early_min: ms(renewal.early_min_ms),
                early_percent: renewal.early_percent,
                margin: ms(renewal.margin_ms),
                pause_min: ms(renewal.pause_min_ms),
                claim_ttl: ms(renewal.claim_ttl_ms),
                wait_max: ms(renewal.wait_max_ms),
                backoff_min: ms(renewal.backoff_min_ms),
                backoff_max: ms(renewal.backoff_max_ms),
                record_for: ms(renewal.record_for_ms),
                ..usual.renewal
            },
            exchange: ExchangeSettings {
                timeout: ms(renewal.timeout_ms),
                response_bytes_max: renewal.response_bytes_max,
                ..usual.exchange
            },
        }
    }

    /// For the service in the role `vault`.
    #[must_use]
    pub fn vault_service(&self) -> tenon_vault::settings::Settings {
        let service = &self.vault.service;
        tenon_vault::settings::Settings {
            value_bytes_max: service.value_bytes_max,
            ring_cache_max: service.ring_cache_max,
            ring_cache_ttl: ms(service.ring_cache_ttl_ms),
            root_timeout: ms(service.root_timeout_ms),
            root_calls_max: service.root_calls_max,
            audit_batch_max: service.audit_batch_max,
            audit_waiting_max: service.audit_waiting_max,
            audit_appends_max: service.audit_appends_max,
            audit_timeout: ms(service.audit_timeout_ms),
            sharing_key_life: ms(service.sharing_key_interval_ms),
            rotation_batch_max: service.rotation_batch_max,
            orphan_age: ms(service.orphan_age_ms),
            ..tenon_vault::settings::Settings::default()
        }
    }

    /// For the role `proxy`.
    #[must_use]
    pub fn proxying(&self) -> ProxySettings {
        let proxy = &self.proxy;
        ProxySettings {
            replay_bytes_max: proxy.replay_bytes_max,
            body_timeout: ms(proxy.body_timeout_ms),
            request_bytes_max: proxy.request_bytes_max,
            head_timeout: ms(proxy.head_timeout_ms),
            idle_timeout: ms(proxy.idle_timeout_ms),
            calls_per_credential_max: proxy.calls_per_credential_max,
            calls_per_project_max: proxy.calls_per_project_max,
            busy_retry_after: ms(proxy.busy_retry_after_ms),
            breaker_failures: proxy.breaker_failures,
            breaker_window: ms(proxy.breaker_window_ms),
            breaker_pause: ms(proxy.breaker_pause_ms),
            breaker_hosts_max: proxy.breaker_hosts_max,
            retries_max: proxy.retries_max,
            retry_wait: ms(proxy.retry_wait_ms),
            retry_budget_percent: proxy.retry_budget_percent,
            retry_budget_max: proxy.retry_budget_max,
            redirects_max: proxy.redirects_max,
            wrapped_text_bytes_max: proxy.wrapped_text_bytes_max,
            user_tokens_max: proxy.user_tokens_max,
        }
    }

    /// For the Connect API, which browsers reach at `public_url`.
    #[must_use]
    pub fn connecting(&self, public_url: Url) -> ConnectSettings {
        let connect = &self.connect;
        ConnectSettings {
            public_url,
            tokens_max: connect.user_tokens_max,
            users_max: connect.known_users_max,
            projects_max: connect.projects_max,
            rendered_bytes_max: connect.rendered_bytes_max,
            account_auth_connectors: connect.account_auth_connectors.clone(),
            retry_after: ms(connect.retry_after_ms),
        }
    }

    /// For linking accounts.
    #[must_use]
    pub fn linking(&self, public_url: Url) -> LinkSettings {
        LinkSettings {
            portal_link_ttl: ms(self.connect.portal_link_ttl_ms),
            portal_link_ttl_max: ms(self.connect.portal_link_ttl_max_ms),
            portal_session_ttl: ms(self.connect.portal_session_ttl_ms),
            ..LinkSettings::new(public_url)
        }
    }

    /// For the configuration plane.
    #[must_use]
    pub fn configuring(&self) -> tenon_config::Limits {
        tenon_config::Limits {
            portal_links_max: self.connect.portal_links_max,
            logo_bytes_max: self.connect.logo_bytes_max,
            return_origins_max: self.connect.return_origins_max,
            ..tenon_config::Limits::default()
        }
    }

    /// For the log of proxy calls.
    #[must_use]
    pub fn call_log(&self) -> CallLogSettings {
        let log = &self.proxy.log;
        CallLogSettings {
            waiting_max: log.waiting_max,
            batch_max: log.batch_max,
            linger: ms(log.linger_ms),
            retry_pause: ms(log.retry_pause_ms),
            stop_grace: ms(log.stop_grace_ms),
        }
    }

    /// For calls of providers.
    #[must_use]
    pub fn webhook_settings(&self) -> WebhookSettings {
        WebhookSettings {
            runs_max: self.webhooks.runs_max,
            together_max: self.webhooks.together_max,
            secret_ttl: ms(self.webhooks.secret_ttl_ms),
        }
    }

    /// For looking up whom calls of providers are for.
    #[must_use]
    pub fn directory(&self) -> DirectorySettings {
        DirectorySettings {
            ttl: ms(self.webhooks.installations_ttl_ms),
            installations_max: self.webhooks.installations_max,
        }
    }

    /// For steps that use accounts.
    #[must_use]
    pub fn integration_steps(&self) -> IntegrationLimits {
        IntegrationLimits {
            wait_max: ms(self.integrations.wait_max_ms),
            wait_amid_pages_max: ms(self.integrations.wait_amid_pages_max_ms),
            calls_per_connector_max: self.integrations.calls_per_connector_max,
            busy_pause: ms(self.integrations.busy_pause_ms),
        }
    }
}

impl Settings {
    /// For the calls of a project to a connector that are under way.
    #[must_use]
    pub fn call_slots(&self) -> SlotSettings {
        SlotSettings {
            lease_ttl: ms(self.integrations.call_lease_ms),
            spare: self.integrations.calls_spare,
        }
    }

    /// For options that a provider has.
    #[must_use]
    pub fn data_sources(&self) -> tenon_sources::Settings {
        let sources = &self.integrations.sources;
        tenon_sources::Settings {
            timeout: ms(sources.timeout_ms),
            response_bytes_max: sources.response_bytes_max,
            wait_max: ms(sources.wait_max_ms),
            options_max: sources.options_max,
            find_pages_max: sources.find_pages_max,
            find_enough: sources.find_enough,
            cache: tenon_sources::CacheSettings {
                ttl_max: ms(sources.cache_ttl_max_ms),
                entries_max: sources.cache_entries_max,
                bytes_max: sources.cache_bytes_max,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A default that is written here and in the part itself must be the same in both.
    #[test]
    fn the_defaults_are_those_of_the_parts() {
        let settings = Settings::default();
        let shown = |value: &dyn std::fmt::Debug| format!("{value:#?}");
        assert_eq!(settings.webhook_settings(), WebhookSettings::default());
        assert_eq!(settings.directory(), DirectorySettings::default());
        let usual = tenon_credentials::Settings::default();
        assert_eq!(shown(&settings.credentials()), shown(&usual));
        let usual = tenon_vault::settings::Settings::default();
        assert_eq!(shown(&settings.vault_service()), shown(&usual));
        assert_eq!(shown(&settings.proxying()), shown(&ProxySettings::default()));
        let url = || Url::parse("https://tenon.example.com").expect("a URL");
        let usual = ConnectSettings::new(url());
        assert_eq!(shown(&settings.connecting(url())), shown(&usual));
        assert_eq!(settings.linking(url()), LinkSettings::new(url()));
        assert_eq!(settings.configuring(), tenon_config::Limits::default());
        assert_eq!(settings.call_log(), CallLogSettings::default());
        assert_eq!(settings.integration_steps(), IntegrationLimits::default());
        assert_eq!(settings.call_slots(), SlotSettings::default());
        assert_eq!(settings.data_sources(), tenon_sources::Settings::default());
    }
}

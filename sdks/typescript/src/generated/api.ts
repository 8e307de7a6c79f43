// Made by `npm run generate` from docs/reference/openapi.json. Do not edit.

export interface paths {
    "/api/v1/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List projects
         * @description Needs the installation's key (`api.installation_key_file`) in place of a project's.
         */
        get: operations["list_projects"];
        put?: never;
        /**
         * Make a project
         * @description The answer holds its first API key; it is shown this once. Needs the installation's key
         *     (`api.installation_key_file`) in place of a project's.
         */
        post: operations["create_project"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List API keys
         * @description Revoked ones too, oldest first, without the keys themselves.
         */
        get: operations["list_api_keys"];
        put?: never;
        /**
         * Make an API key
         * @description The answer holds the key; it is shown this once.
         */
        post: operations["create_api_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/api-keys/{api_key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an API key
         * @description It stops working within seconds. A key cannot revoke itself.
         */
        delete: operations["revoke_api_key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/archive/days": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List archived days
         * @description Newest first, each with what it holds.
         */
        get: operations["list_archived_days"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/archive/days/{day}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export an archived day
         * @description JSON lines: `{"record": "run", "run_id", "is_test", "run", "input"}` for each run, followed by
         *     `{"record": "step", "run_id", "seq", "step"}` for each of its step records, where `run` and `step`
         *     are as the other routes show them, with values whole. An answer that breaks off is not whole.
         */
        get: operations["export_archived_day"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/archive/runs/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an archived run
         * @description JSON lines: that of the run, then its step records; as in the export of a day.
         */
        get: operations["get_archived_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/connect-sessions/{session}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show what became of a connect session */
        get: operations["get_connect_session"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/connectors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List connectors
         * @description Those that come with Tenon, by name, then the project's own.
         */
        get: operations["list_connectors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/connectors/{connector}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a connector */
        get: operations["get_connector"];
        /**
         * Upload a connector of the project's own
         * @description Checks the manifest as a whole; `errors` names every fault. Takes the place of an earlier one.
         *     Accounts go on with the new manifest, so it must keep the auth methods that they use.
         */
        put: operations["put_connector"];
        post?: never;
        /**
         * Remove a connector of the project's own
         * @description Refused while an integration uses it.
         */
        delete: operations["delete_connector"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/connectors/{connector}/icon": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a connector's icon */
        get: operations["get_connector_icon"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/credentials/{credential}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an account */
        get: operations["get_credential"];
        put?: never;
        post?: never;
        /**
         * Disconnect an account
         * @description Takes it back at the provider as far as that lets us, and shreds its secrets.
         */
        delete: operations["disconnect_credential"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/credentials/{credential}/complete-setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Complete the set-up of an account
         * @description An account whose status is `pending` lacks values that its provider did not give; nothing uses
         *     it until they are there. Safe to repeat.
         */
        post: operations["complete_credential_setup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/credentials/{credential}/configurations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the configurations of an account
         * @description Oldest first; the first one is the default.
         */
        get: operations["list_configurations"];
        put?: never;
        /** Add a configuration */
        post: operations["add_configuration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/credentials/{credential}/configurations/{configuration}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a configuration
         * @description The default one stays as long as its account.
         */
        delete: operations["delete_configuration"];
        options?: never;
        head?: never;
        /** Change a configuration */
        patch: operations["change_configuration"];
        trace?: never;
    };
    "/api/v1/projects/{project}/credentials/{credential}/probe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ask the provider whether an account works */
        post: operations["probe_credential"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/credentials/{credential}/webhooks/{webhook}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for an account's own webhook URL
         * @description For webhooks whose scope is `account`. The first time, the secret that its calls are proven with is
         *     made; it is the same from then on.
         */
        post: operations["get_account_webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/event-log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List events
         * @description In the order of their numbers. Nothing is missing between two pages.
         */
        get: operations["list_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/integrations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List integrations
         * @description By connector.
         */
        get: operations["list_integrations"];
        put?: never;
        /**
         * Switch a connector on
         * @description Safe to repeat: there is one integration of a connector.
         */
        post: operations["add_integration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/integrations/{integration}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show an integration */
        get: operations["get_integration"];
        put?: never;
        post?: never;
        /**
         * Remove an integration
         * @description With the secrets of its apps. Refused while users are connected.
         */
        delete: operations["delete_integration"];
        options?: never;
        head?: never;
        /**
         * Switch an integration on or off
         * @description While it is off, nobody can connect and nothing uses its accounts; they stay.
         */
        patch: operations["change_integration"];
        trace?: never;
    };
    "/api/v1/projects/{project}/integrations/{integration}/apps/{auth_method}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set the builder's app at the provider
         * @description For one auth method of the connector. Safe to repeat.
         */
        put: operations["set_app"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/integrations/{integration}/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the webhooks of an integration
         * @description With the URLs to enter at the provider, and how.
         */
        get: operations["list_webhooks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/portal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show how the portal looks */
        get: operations["get_portal"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change how the portal looks
         * @description Its name, colour and logo, and where its page may send users back to.
         */
        patch: operations["change_portal"];
        trace?: never;
    };
    "/api/v1/projects/{project}/portal-links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a link to the portal's page
         * @description For apps without the SDK. The link lets one browser in, once: whoever opens it first acts as this
         *     user in the portal. So make it when the user asks for it, and give it to that user only.
         */
        post: operations["create_portal_link"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/proxy-calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List proxy calls
         * @description Newest first, some seconds after they ended. All filters hold together. The log is for finding
         *     out what happened: under heavy load calls may be missing in it.
         */
        get: operations["list_proxy_calls"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/queue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get how the queue is served */
        get: operations["get_project_queue"];
        /**
         * Set how the queue is served
         * @description As a whole: what is left out has its default. Needs the installation's key
         *     (`api.installation_key_file`) in place of a project's.
         */
        put: operations["put_project_queue"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List runs
         * @description Newest first. All filters hold together.
         */
        get: operations["list_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/runs/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a run */
        get: operations["get_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/runs/{run}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a run
         * @description A step in flight is abandoned; what is recorded stays.
         */
        post: operations["cancel_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/runs/{run}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow a run
         * @description Server-sent events: `run` with the run whenever it changed, `step` with each step record, and
         *     `end` with the run once it has ended; then the stream closes. A stream that closes without
         *     `end` may be opened again with `Last-Event-ID`.
         */
        get: operations["follow_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/runs/{run}/input": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the trigger's input of a run */
        get: operations["get_run_input"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/runs/{run}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replay a run
         * @description Starts a new run of the same version with the same input. Only a run that has ended can be
         *     replayed.
         */
        post: operations["replay_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/runs/{run}/steps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the steps of a run
         * @description One record for each attempt of each step in each iteration, in the order they ended.
         */
        get: operations["list_run_steps"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/runs/{run}/values/{step}/{field}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get one recorded value
         * @description Whole, however large it is.
         */
        get: operations["get_run_value"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/runs/{run}/why": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Why a run does not go on
         * @description From its row, its latest steps and its queue: what it waits for, until when, and what is before
         *     it. A run that has ended says how.
         */
        get: operations["why_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List secrets
         * @description By key, without their values.
         */
        get: operations["list_secrets"];
        put?: never;
        /**
         * Keep a secret
         * @description Under a key that is not taken; to set another value, replace it.
         */
        post: operations["create_secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/secrets/{secret_key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Replace a secret's value
         * @description Steps that begin from now on have the new one, after a minute at the latest.
         */
        put: operations["replace_secret"];
        post?: never;
        /**
         * Delete a secret
         * @description Its value is shredded. Refused while a deployed workflow uses it; `detail` names the workflows.
         */
        delete: operations["delete_secret"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/signing-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List signing keys
         * @description Revoked ones too, oldest first; public halves only.
         */
        get: operations["list_signing_keys"];
        put?: never;
        /**
         * Make a signing key
         * @description The answer holds the private half; it is shown this once and not kept.
         */
        post: operations["create_signing_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/signing-keys/{signing_key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a signing key
         * @description Its tokens are refused within seconds.
         */
        delete: operations["revoke_signing_key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/test-runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Test a draft
         * @description Runs a document once without deploying it. Delays are skipped, failures are not retried, a
         *     fan-out runs its first ten items and a paginated request reads one page. Requests are sent for
         *     real.
         */
        post: operations["test_workflow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List users
         * @description In order of their ids.
         */
        get: operations["list_users"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/users/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a user */
        get: operations["get_user"];
        /**
         * Add or change a user
         * @description Safe to repeat.
         */
        put: operations["put_user"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change what is known of a user
         * @description Adds the user when new. Permissions of workflows ask for the metadata, and steps read it at
         *     `{{user.meta.<name>}}`.
         */
        patch: operations["patch_user"];
        trace?: never;
    };
    "/api/v1/projects/{project}/users/{user}/connect-sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open a connect session
         * @description The answer holds the link for the user's browser, good for one account and ten minutes. Show
         *     it to this user only: whoever opens it links their own account to this user.
         */
        post: operations["open_connect_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/users/{user}/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a user's accounts
         * @description Oldest first.
         */
        get: operations["list_credentials"];
        put?: never;
        /**
         * Link an account
         * @description By fields that the user filled in, or by a code that the builder's app received from the
         *     provider. For the way through a browser open a connect session.
         */
        post: operations["link_credential"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/users/{user}/workflows/{workflow}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Turn a workflow on or off for a user
         * @description Adds the user when new. A workflow of an integration is turned on or off for the default
         *     configuration of the user's oldest account. Safe to repeat.
         */
        put: operations["choose_workflow"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/workflows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List workflows
         * @description By name; workflows that are no longer deployed are listed too.
         */
        get: operations["list_workflows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/workflows/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Apply documents
         * @description Checks all documents and applies them, all or none: each workflow as an immutable version, and
         *     integrations (documents with `kind: integration`), which come first. A document that did not
         *     change makes no version, so it is safe to apply the same again.
         */
        post: operations["apply_workflows"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/workflows/{workflow}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a workflow
         * @description With its document.
         */
        get: operations["get_workflow"];
        put?: never;
        post?: never;
        /**
         * Undeploy a workflow
         * @description No new run starts; runs under way go on; history stays. Apply its document to deploy it again.
         */
        delete: operations["undeploy_workflow"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/projects/{project}/workflows/{workflow}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the versions of a workflow
         * @description Newest first.
         */
        get: operations["list_workflow_versions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/queues": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List queues
         * @description Those that hold anything or are not served in the usual way, the deepest first. Needs the
         *     installation's key (`api.installation_key_file`) in place of a project's.
         */
        get: operations["list_queues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/queues/{project}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a queue
         * @description Needs the installation's key (`api.installation_key_file`) in place of a project's.
         */
        get: operations["get_queue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change how a queue is served
         * @description The leader of the installation acts on it within a moment. Needs the installation's key
         *     (`api.installation_key_file`) in place of a project's.
         */
        patch: operations["change_queue"];
        trace?: never;
    };
    "/api/v1/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List workers
         * @description Those that gave a sign of life in the last seconds. Needs the installation's key
         *     (`api.installation_key_file`) in place of a project's.
         */
        get: operations["list_workers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description A run that was accepted just now. */
        AcceptedRun: {
            /** Format: uuid */
            run_id: string;
        };
        /** @description One set of settings of an account. */
        AccountConfiguration: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            credential_id: string;
            external_id?: string | null;
            /** @description Whether it is used where none is named. */
            default: boolean;
            /** @description Settings of the integration. */
            shared_settings: Record<string, unknown>;
            /** @description Settings of workflows, by the workflow's id. */
            workflow_settings: Record<string, unknown>;
            meta: Record<string, unknown>;
            /** Format: date-time */
            created_at: string;
        };
        /** @description A webhook of one account. */
        AccountWebhook: {
            /** @description Its id in the connector's manifest. */
            webhook: string;
            /** @description The URL to enter at the provider. Keep it secret: it may hold what proves its calls. */
            url: string;
            /** @description The secret to enter beside it, where there is one that Tenon made. */
            secret?: string | null;
            /** @description How to enter them. */
            instructions?: string | null;
        };
        /** @description An API key, without the key. */
        ApiKey: {
            /** Format: uuid */
            id: string;
            name: string;
            /** @description The last four characters of the key. */
            hint: string;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description Since when it is not taken any more.
             */
            revoked_at?: string | null;
        };
        /** @description The keys of a project, revoked ones too, oldest first. */
        ApiKeyList: {
            api_keys: components["schemas"]["ApiKey"][];
        };
        /** @description A key to make. */
        ApiKeyRequest: {
            /** @description What people call it, 1 to 100 characters. */
            name: string;
        };
        /** @description The builder's app, without its secrets. */
        App: {
            /** @description `client_id`, and what else is no secret. */
            values: Record<string, unknown>;
            /** @description Whether secret values are kept. */
            has_secret: boolean;
            /** @description Scopes that users are asked for; the connector's defaults when empty. */
            scopes: string[];
        };
        /** @description The builder's app. What is left out stays; null removes a value. */
        AppRequest: {
            /**
             * @description `client_id`, `client_secret` and whatever else the connector asks for. Secret values go to
             *     the vault and are never shown again.
             */
            values?: Record<string, unknown>;
            /** @description Scopes to ask users for; empty for the connector's defaults. */
            scopes?: string[] | null;
        };
        /** @description What an apply did with one integration document. */
        AppliedIntegration: {
            /**
             * Format: uuid
             * @description Null in a dry run.
             */
            integration_id?: string | null;
            connector: string;
            /** @description Whether it was added, or is different from before. */
            changed: boolean;
        };
        /** @description What an apply did with one document. */
        AppliedWorkflow: {
            /**
             * Format: uuid
             * @description Null in a dry run.
             */
            workflow_id?: string | null;
            name: string;
            /**
             * Format: uuid
             * @description The version that new runs use; null in a dry run.
             */
            version_id?: string | null;
            /**
             * Format: int32
             * @description The number of the version, counted from 1.
             */
            version: number;
            /** @description Whether a version was made, or an older one deployed again. */
            changed: boolean;
        };
        /** @description Documents to deploy. */
        ApplyRequest: {
            /** @description 1 to 200 documents. */
            documents: components["schemas"]["DocumentText"][];
            /** @description Only check, and tell what would change. */
            dry_run?: boolean;
        };
        /** @description What an apply did, in the order of the documents. */
        ApplyResult: {
            /** @description The workflows. */
            applied: components["schemas"]["AppliedWorkflow"][];
            /** @description The integrations. */
            integrations: components["schemas"]["AppliedIntegration"][];
            /** @description Whether this is only what an apply would do. */
            dry_run: boolean;
        };
        /** @description A day that is archived. */
        ArchivedDay: {
            /**
             * Format: date
             * @description The day, in UTC, that the runs were accepted on.
             */
            day: string;
            /**
             * Format: int64
             * @description Runs of the day.
             */
            runs: number;
            /**
             * Format: int64
             * @description Their step records.
             */
            steps: number;
            /** @description Objects of the blob store that it is in. */
            parts: number;
            /**
             * Format: int64
             * @description Their bytes, compressed.
             */
            bytes: number;
        };
        /** @description A page of archived days, newest first. */
        ArchivedDayList: {
            days: components["schemas"]["ArchivedDay"][];
            /** @description Pass it as `cursor` to go on; null at the end. */
            next?: string | null;
        };
        /** @description A way to link an account. */
        AuthMethod: {
            id: string;
            title?: string | null;
            /** @description `oauth2`, `api_key` and so on. */
            type: string;
            /** @description Whether the user's browser is sent to the provider: link it by a connect session. */
            browser: boolean;
            /** @description What the user fills in. */
            fields: components["schemas"]["ConnectField"][];
            /**
             * @description What the user is asked for after linking, where the provider did not say it. Until it is
             *     given the account is `pending`.
             */
            setup_fields: components["schemas"]["ConnectField"][];
            /** @description Scopes that can be asked for, with a line for people. */
            scopes: {
                [key: string]: string;
            };
        };
        /** @description A user's choice. */
        ChoiceRequest: {
            /** @description Whether the workflow runs for the user. */
            enabled: boolean;
        };
        /** @description What a person fills in. */
        ConnectField: {
            name: string;
            title: string;
            /** @description `text`, `password`, `select` and so on. */
            type: string;
            description?: string | null;
            help_url?: string | null;
            example?: string | null;
            optional: boolean;
            /** @description Whether it is kept in the vault and never shown again. */
            secret: boolean;
            /** @description Used when left out. */
            default?: Record<string, unknown> | null;
            /** @description The choices of a `select`: value and label. */
            options: components["schemas"]["ConnectFieldOption"][];
        };
        /** @description A choice. */
        ConnectFieldOption: {
            value: string;
            label: string;
        };
        /** @description A session to open. */
        ConnectRequest: {
            /** @description The integration's id, or its connector's name. */
            integration: string;
            /** @description The connector's auth method; its first one when left out. */
            auth_method?: string | null;
            /** @description What the connector asks for before the user is sent away, such as a subdomain. */
            fields?: Record<string, unknown>;
            /**
             * Format: uuid
             * @description The account to connect again.
             */
            credential_id?: string | null;
            /** @description The builder's own name for the account. */
            external_id?: string | null;
            /** @description Whether the user may have several accounts of the integration. */
            allow_multiple?: boolean;
            /**
             * @description The origin of the page that opens the window, such as `https://app.example.com`. The last
             *     page tells it by `postMessage` how it ended.
             */
            return_origin?: string | null;
        };
        /** @description A session in which a user links an account in a browser. */
        ConnectSession: {
            /** Format: uuid */
            id: string;
            user: string;
            /** Format: uuid */
            integration_id: string;
            auth_method: string;
            /**
             * @description `open`, `started` once a browser was sent to the provider, `working` while the provider is
             *     asked, `connected`, `failed` or `ended`.
             */
            status: string;
            /**
             * Format: uuid
             * @description The account, once it is connected.
             */
            credential_id?: string | null;
            /** @description The account's name at the provider. */
            account?: string | null;
            /** @description Why it failed, for machines. */
            code?: string | null;
            /** @description Why it failed, for people. */
            message?: string | null;
            /** Format: date-time */
            expires_at: string;
        };
        /** @description A connector with its manifest. */
        Connector: components["schemas"]["ConnectorSummary"] & {
            /** @description The manifest. */
            manifest: Record<string, unknown>;
        };
        /** @description Connectors that the project can use. */
        ConnectorList: {
            connectors: components["schemas"]["ConnectorSummary"][];
        };
        /** @description A connector manifest; see the reference of connectors. */
        ConnectorManifest: Record<string, unknown>;
        /** @description A connector, in a list. */
        ConnectorSummary: {
            /** @description What integrations name it by; `custom.<name>` for the project's own. */
            name: string;
            title: string;
            description: string;
            version: string;
            categories: string[];
            /** @description Whether the project uploaded it. */
            custom: boolean;
            /** @description The provider's colour, `#rrggbb`. */
            color?: string | null;
            /** @description Why it should not be used any more, and what instead. */
            deprecated?: string | null;
            /** @description How accounts are linked; the first is the default. */
            auth_methods: components["schemas"]["AuthMethod"][];
            /** @description Ids of the actions that workflows can use. */
            actions: string[];
        };
        /** @description A key that was just made. */
        CreatedApiKey: components["schemas"]["ApiKey"] & {
            /** @description The key itself; shown this once, kept only as a digest. */
            key: string;
        };
        /** @description A project that was just made. */
        CreatedProject: components["schemas"]["Project"] & {
            /** @description Its first API key. */
            api_key: components["schemas"]["CreatedApiKey"];
        };
        /** @description A signing key that was just made. */
        CreatedSigningKey: components["schemas"]["SigningKey"] & {
            /** @description The private half, PEM (PKCS#8); shown this once and not kept. */
            private_key: string;
        };
        /** @description A connected account, without its secrets. */
        Credential: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            integration_id: string;
            /** @description The builder's own id of the user. */
            user: string;
            /** @description The builder's own name for the account. */
            external_id?: string | null;
            auth_method: string;
            /** @description The account's id at the provider. */
            provider_id?: string | null;
            /** @description The account's name at the provider. */
            provider_name?: string | null;
            /** @description Values of fields that are no secret. */
            fields: Record<string, unknown>;
            /** @description Scopes that were granted, as the provider wrote them. */
            scopes?: string | null;
            /** @description `pending` while its set-up is not complete, `valid`, `invalid` or `expired`, as last known. */
            status: string;
            /** @description Why, for machines. */
            status_code?: string | null;
            /** @description Why, for people. */
            status_reason?: string | null;
            /** Format: date-time */
            status_at: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
        };
        /** @description The accounts of a user, oldest first. */
        CredentialList: {
            credentials: components["schemas"]["Credential"][];
        };
        /** @description A document as it is written: a workflow, or an integration (`kind: integration`). */
        DocumentText: {
            /**
             * @description What errors call it; `.yaml`, `.yml` or `.json` tells the language.
             * @example workflows/welcome.yaml
             */
            file: string;
            /** @description The document itself. */
            text: string;
        };
        /** @description One fault in what the caller sent; only the fields that apply are there. */
        ErrorItem: {
            /** @description What is wrong. */
            message: string;
            /** @description The kind of fault. */
            code?: string | null;
            /** @description What to do. */
            help?: string | null;
            /** @description Where in the JSON body (RFC 6901). */
            pointer?: string | null;
            /** @description Which document. */
            file?: string | null;
            /**
             * Format: int32
             * @description Which line, from 1.
             */
            line?: number | null;
            /**
             * Format: int32
             * @description Which column, from 1.
             */
            column?: number | null;
            /** @description Which step of the workflow. */
            step?: string | null;
            /** @description What would be allowed here. */
            allowed?: string[];
        };
        /** @description Something that happened. */
        Event: {
            /**
             * Format: int64
             * @description Grows by one with each event of the project.
             */
            sequence: number;
            /** @description Such as `credential.invalid`. */
            type: string;
            /** Format: date-time */
            at: string;
            user?: string | null;
            /** Format: uuid */
            integration_id?: string | null;
            /** Format: uuid */
            credential_id?: string | null;
            /** @description More of it. */
            payload: Record<string, unknown>;
        };
        /** @description Events in their order. */
        EventList: {
            events: components["schemas"]["Event"][];
            /**
             * Format: int64
             * @description Pass it as `after` to go on; it may be asked for again when there is nothing yet.
             */
            next: number;
        };
        /** @description A connector that the project has switched on. */
        Integration: {
            /** Format: uuid */
            id: string;
            connector: string;
            /** @description Whether it may be used. */
            active: boolean;
            /** @description The builder's app for each auth method that has one. */
            apps: {
                [key: string]: components["schemas"]["App"];
            };
            /** @description The document that was applied for it; null where none was. */
            document?: Record<string, unknown> | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
        };
        /** @description What to change. */
        IntegrationChange: {
            /** @description Whether it may be used. */
            active: boolean;
        };
        /** @description The integrations of a project, by connector. */
        IntegrationList: {
            integrations: components["schemas"]["Integration"][];
        };
        /** @description A connector to switch on. */
        IntegrationRequest: {
            /** @description Its name, such as `slack`; `custom.<name>` for the project's own. */
            connector: string;
        };
        /** @description An account to link at once: by its fields, or by a code that the builder's app received. */
        LinkRequest: {
            /** @description The integration's id, or its connector's name. */
            integration: string;
            /** @description The connector's auth method; its first one when left out. */
            auth_method?: string | null;
            /** @description What the user filled in. Secret values go to the vault and are never shown again. */
            fields?: Record<string, unknown>;
            /** @description The code of an OAuth callback that the builder's app received itself. */
            code?: string | null;
            /** @description With `code`: exactly the redirect URI that the provider was told. */
            redirect_uri?: string | null;
            /** @description With `code`: the PKCE verifier, where there is one. */
            code_verifier?: string | null;
            /** @description With `code`: further parameters of the callback. */
            callback?: {
                [key: string]: string;
            };
            /**
             * Format: uuid
             * @description The account to connect again.
             */
            credential_id?: string | null;
            /** @description The builder's own name for the account. */
            external_id?: string | null;
            /** @description Whether the user may have several accounts of the integration. */
            allow_multiple?: boolean;
        };
        /** @description A line of console output of a function. */
        LogLine: {
            /** @description `log`, `info`, `warn`, `error` or `debug`. */
            level: string;
            message: string;
        };
        /** @description A logo: an address, or a file. */
        LogoRequest: {
            /** @description Where it is: an https URL. It is not fetched by Tenon. */
            url?: string | null;
            /** @description The kind of the file: `image/svg+xml` or `image/png`. */
            media_type?: string | null;
            /** @description The file, base64; at most 64 KB. An SVG may hold shapes and nothing that acts or loads. */
            data?: string | null;
        };
        /** @description Stands for a value that is too large to be shown here. */
        OmittedValue: {
            /**
             * Format: int64
             * @description Its size as JSON text.
             */
            bytes: number;
            /** @description Where to get it. */
            href: string;
        };
        /** @description A session that was opened. */
        OpenedConnectSession: components["schemas"]["ConnectSession"] & {
            /** @description What the user's browser opens. Whoever opens it links their account to this user. */
            authorize_url: string;
        };
        /** @description How the portal of a project looks, and where its page may send users back to. */
        Portal: {
            /** @description What users read as the name of your app. */
            name?: string | null;
            /** @description `#rrggbb`. */
            accent_color?: string | null;
            logo?: components["schemas"]["PortalLogo"] | null;
            /** @description Web origins that the portal's page may send users back to. */
            return_origins: string[];
        };
        /** @description What to change. What is left out stays; null takes a thing away. */
        PortalChange: {
            /** @description What users read as the name of your app, 1 to 100 characters. */
            name?: string | null;
            /** @description `#rrggbb`. Integrations with a colour of their own keep it. */
            accent_color?: string | null;
            logo?: components["schemas"]["LogoRequest"] | null;
            /**
             * @description Web origins that the portal's page may send users back to, all of them: at most 20. Such as
             *     `https://app.example.com`; http is for localhost only.
             */
            return_origins?: string[] | null;
        };
        /** @description A link to the portal's page. */
        PortalLink: {
            /** @description What the user's browser opens. Whoever opens it first acts as this user. */
            url: string;
            /**
             * Format: date-time
             * @description When it can no longer be used.
             */
            expires_at: string;
        };
        /** @description A link to make. */
        PortalLinkRequest: {
            /** @description Your own id of the user, who is made known where it was not. */
            user: string;
            /** @description The only integration that the page shows: its id, or its connector's name. All without it. */
            integration?: string | null;
            /**
             * @description Where the page sends the user at the end. Its origin must be registered in `return_origins`
             *     of the portal.
             */
            redirect_url?: string | null;
            /** @description Merged into the user's metadata. */
            metadata?: Record<string, unknown>;
            /**
             * Format: int32
             * @description How long the link can be used, in seconds; 10 minutes when left out.
             */
            expires_seconds?: number | null;
        };
        /** @description A logo: an address, or a file that was uploaded. */
        PortalLogo: {
            /** @description Where it is. */
            url?: string | null;
            /** @description The kind of the file. */
            media_type?: string | null;
            /** @description The SHA-256 of the file, in hexadecimal digits. */
            sha256?: string | null;
        };
        /** @description What a probe found. */
        Probe: {
            credential: components["schemas"]["Credential"];
            /**
             * @description `valid`, `refused`, `answers` where the provider takes it and says something else, or
             *     `unknown` where the connector has no request that would tell.
             */
            health: string;
            /** @description What the provider said. */
            reason?: string | null;
        };
        /** @description A problem, as the caller sees it. */
        Problem: {
            /**
             * Format: int32
             * @description The HTTP status, once more.
             */
            status: number;
            /** @description The kind of problem; stable, to be matched on. */
            code: string;
            /** @description One line for people, the same for every problem of this kind. */
            title: string;
            /** @description What happened this time, and what to do. */
            detail?: string | null;
            /** @description The page about this kind of problem. */
            help: string;
            /** @description The single faults, where there can be many. */
            errors?: components["schemas"]["ErrorItem"][];
            /** @description Names the request in the logs. */
            request_id?: string | null;
        };
        /** @description A project. */
        Project: {
            /** Format: uuid */
            id: string;
            name: string;
            /** Format: date-time */
            created_at: string;
        };
        /** @description A page of projects. */
        ProjectList: {
            projects: components["schemas"]["Project"][];
            /** @description Pass it as `cursor` to go on; null at the end. */
            next?: string | null;
        };
        /** @description How a project's queue is served. */
        ProjectQueue: {
            /**
             * Format: int32
             * @description Its share against other queues that wait.
             */
            weight: number;
            /**
             * Format: int32
             * @description Runs that may go on at a time; null is without limit.
             */
            running_max?: number | null;
            /**
             * Format: double
             * @description Runs that may start in a second; null is without limit.
             */
            starts_per_second?: number | null;
            /**
             * Format: int32
             * @description Calls of steps that are under way at a time to one connector, over all workers; null is
             *     the installation's limit.
             */
            calls_per_connector_max?: number | null;
        };
        /** @description How a project's queue is to be served. What is left out has its default. */
        ProjectQueueRequest: {
            /**
             * Format: int32
             * @description Its share against other queues that wait: twice the weight is twice the share.
             * @default 10
             */
            weight: number;
            /**
             * Format: int32
             * @description Runs that may go on at a time; no limit when left out.
             */
            running_max?: number | null;
            /**
             * Format: double
             * @description Runs that may start in a second; no limit when left out.
             */
            starts_per_second?: number | null;
            /**
             * Format: int32
             * @description Calls of steps that are under way at a time to one connector, over all workers; when left
             *     out, the installation's `integrations.calls_per_connector_max`.
             */
            calls_per_connector_max?: number | null;
        };
        /** @description A project to make. */
        ProjectRequest: {
            /** @description What people call it, 1 to 100 characters; no other project has it. */
            name: string;
        };
        /** @description A call that went through the proxy. Bodies, headers and queries are not kept. */
        ProxyCall: {
            /** Format: uuid */
            id: string;
            /** @description The connected user; null where the call was refused before that was known. */
            user?: string | null;
            /** Format: uuid */
            integration_id?: string | null;
            /** Format: uuid */
            credential_id?: string | null;
            method: string;
            /** @description The provider's host; empty where the call was refused before that was known. */
            host: string;
            /** @description The path that the caller asked for, without the query, at most 2048 bytes of it. */
            path: string;
            /**
             * Format: int32
             * @description The status that the caller got; 499 where it went away before there was one.
             */
            status: number;
            /** @description The problem's code, where the status is not the provider's. */
            problem?: string | null;
            /** Format: date-time */
            started_at: string;
            /**
             * Format: double
             * @description To the last byte of the answer.
             */
            duration_ms: number;
            /**
             * Format: int64
             * @description Bytes of the request's body.
             */
            request_bytes: number;
            /**
             * Format: int64
             * @description Bytes of the answer's body.
             */
            response_bytes: number;
            /** @description Whether the whole answer was passed on. */
            complete: boolean;
            /**
             * Format: int32
             * @description How often the provider was asked.
             */
            attempts: number;
        };
        /** @description A page of calls, newest first. */
        ProxyCallList: {
            calls: components["schemas"]["ProxyCall"][];
            /** @description Where the next page begins, if there is one. */
            next?: string | null;
        };
        /** @description What became of an upload. */
        PutConnectorResult: {
            /** @description What integrations name it by. */
            name: string;
            /** @description The manifest's version. */
            version: string;
            /** @description Whether there was none before. */
            created: boolean;
        };
        /** @description The queue of a project. */
        Queue: {
            /**
             * Format: uuid
             * @description Its project.
             */
            project: string;
            /**
             * Format: int64
             * @description Jobs that could start.
             */
            ready: number;
            /**
             * Format: int64
             * @description Jobs that wait for a time.
             */
            delayed: number;
            /**
             * Format: int64
             * @description Jobs that wait for another one of their workflow or key.
             */
            held: number;
            /**
             * Format: int64
             * @description Jobs that workers have.
             */
            running: number;
            /**
             * Format: int64
             * @description How long ago the job was accepted that would start next.
             */
            oldest_age_ms: number;
            mode: components["schemas"]["QueueMode"];
            /** @description Whether it has workers of its own now. */
            dedicated: boolean;
            /** @description Whether nothing of it is started for now. */
            paused: boolean;
            /**
             * Format: int32
             * @description How many workers it has while it is dedicated; null is the installation's number.
             */
            workers?: number | null;
            /** @description Workers that serve it first, by machine and process. Others help where they have room. */
            owners: string[];
        };
        /** @description What to change of a queue; what is left out stays. */
        QueueChangeRequest: {
            mode?: components["schemas"]["QueueMode"] | null;
            /** @description Whether nothing of it is started. Work is accepted still. */
            paused?: boolean | null;
            /**
             * Format: int32
             * @description How many workers it has while it is dedicated, where there are enough; null is the
             *     installation's number.
             */
            workers?: number | null;
        };
        /** @description Queues, the deepest first. */
        QueueList: {
            queues: components["schemas"]["Queue"][];
        };
        /**
         * @description Who decides whether a queue has workers of its own.
         * @enum {string}
         */
        QueueMode: "automatic" | "dedicated" | "shared";
        /** @description How to replay. */
        ReplayRequest: {
            /**
             * @description Where a replay starts.
             * @enum {string}
             */
            from: "start" | "failed_step";
        };
        /** @description A run. */
        Run: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            workflow_id: string;
            /** @description The name of the workflow, while it is deployed. */
            workflow?: string | null;
            /**
             * Format: uuid
             * @description The version it runs, from its start to its end.
             */
            version_id: string;
            /** @description The connected user it runs for. */
            user?: string | null;
            /**
             * Format: uuid
             * @description The account that it was accepted for, when its workflow belongs to an integration.
             */
            credential?: string | null;
            /**
             * Format: uuid
             * @description The configuration of that account.
             */
            configuration?: string | null;
            trigger: components["schemas"]["TriggerKind"];
            status: components["schemas"]["RunStatus"];
            error?: components["schemas"]["StepError"] | null;
            /**
             * Format: int32
             * @description Attempts of steps, so far.
             */
            attempts: number;
            /**
             * Format: date-time
             * @description When it was accepted.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When its first step began.
             */
            started_at?: string | null;
            /**
             * Format: date-time
             * @description When it ended.
             */
            finished_at?: string | null;
            /**
             * Format: double
             * @description From its acceptance to its end.
             */
            duration_ms?: number | null;
            /**
             * Format: date-time
             * @description When a waiting run goes on.
             */
            resumes_at?: string | null;
            /**
             * Format: uuid
             * @description The run it replays.
             */
            replay_of?: string | null;
            /**
             * Format: int32
             * @description How often a worker died under it.
             */
            crashes: number;
        };
        /** @description A page of runs, newest first. */
        RunList: {
            runs: components["schemas"]["Run"][];
            /** @description Pass it as `cursor` to go on; null at the end. */
            next?: string | null;
        };
        /**
         * @description Where a run is. `succeeded`, `failed`, `cancelled` and `parked` are final.
         * @enum {string}
         */
        RunStatus: "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled" | "parked";
        /** @description An environment secret, without its value. */
        Secret: {
            /** Format: uuid */
            id: string;
            /** @description What templates call it: `{{secrets.KEY}}`. */
            key: string;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description When its value was last set.
             */
            updated_at: string;
        };
        /** @description The environment secrets of a project, by key. */
        SecretList: {
            secrets: components["schemas"]["Secret"][];
        };
        /** @description A secret to keep. */
        SecretRequest: {
            /** @description A capital letter, then up to 127 capital letters, digits and `_`. */
            key: string;
            /** @description A text of 8 bytes to 64 KB. It goes to the vault and is never shown again. */
            value: string;
        };
        /** @description Another value of a secret. */
        SecretValue: {
            /** @description A text of 8 bytes to 64 KB. It goes to the vault and is never shown again. */
            value: string;
        };
        /** @description What to change. Members are merged one level deep; null removes one. */
        SettingsChangeRequest: {
            /** @description Settings of the integration. */
            shared_settings?: Record<string, unknown>;
            /** @description Settings of workflows, by the workflow's id. */
            workflow_settings?: Record<string, unknown>;
            meta?: Record<string, unknown>;
        };
        /** @description The configurations of an account, oldest first. */
        SettingsList: {
            configurations: components["schemas"]["AccountConfiguration"][];
        };
        /** @description A configuration to add. */
        SettingsRequest: {
            /** @description The builder's own name for it, unique in the account. */
            external_id?: string | null;
        };
        /** @description What is asked for after linking. */
        SetupRequest: {
            /** @description Values of the auth method's `setup_fields`. What was given before stays. */
            fields?: Record<string, unknown>;
        };
        /** @description A key that signs the tokens of connected users; its public half. */
        SigningKey: {
            /** @description The `kid` of its tokens. */
            id: string;
            /** @description PEM. */
            public_key: string;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description Since when its tokens are not taken any more.
             */
            revoked_at?: string | null;
        };
        /** @description The signing keys of a project, revoked ones too, oldest first. */
        SigningKeyList: {
            signing_keys: components["schemas"]["SigningKey"][];
        };
        /** @description Why a step or a run failed. */
        StepError: {
            /** @description The kind of failure; has a page in `docs/errors/`. */
            code: string;
            /** @description What happened. */
            message: string;
            /** @description The step. */
            step?: string | null;
        };
        /** @description A page of step records, in the order they ended. */
        StepList: {
            steps: components["schemas"]["StepRecord"][];
            /** @description Pass it as `cursor` to go on; null when there are no more for now. */
            next?: string | null;
        };
        /** @description One attempt of one step in one iteration. */
        StepRecord: {
            step: string;
            /** @description Its type in the document. */
            type: string;
            /** @description Positions in the fan-outs around it, outermost first; empty outside. */
            iteration: number[];
            /**
             * Format: int32
             * @description Counted from 1; 0 is the start of a delay.
             */
            attempt: number;
            status: components["schemas"]["StepStatus"];
            /** Format: date-time */
            started_at: string;
            /** Format: double */
            duration_ms: number;
            /** @description The resolved configuration, without secrets. */
            input?: unknown;
            input_omitted?: components["schemas"]["OmittedValue"] | null;
            output?: unknown;
            output_omitted?: components["schemas"]["OmittedValue"] | null;
            error?: components["schemas"]["StepError"] | null;
            /**
             * Format: date-time
             * @description When it is tried again, or goes on.
             */
            retry_at?: string | null;
            /** @description Console output of a function. */
            logs: components["schemas"]["LogLine"][];
            /**
             * Format: int32
             * @description Console lines that were dropped.
             */
            logs_dropped: number;
        };
        /**
         * @description How an attempt ended.
         * @enum {string}
         */
        StepStatus: "succeeded" | "failed" | "retrying" | "waiting";
        /** @description A draft to run once. */
        TestRunRequest: {
            document: components["schemas"]["DocumentText"];
            /** @description The connected user it runs for. */
            user?: string | null;
            /** @description What the trigger gives, such as `{"event": {...}}` or `{"request": {"body": {...}}}`. */
            input?: Record<string, unknown>;
        };
        /**
         * @description What started a run.
         * @enum {string}
         */
        TriggerKind: "app_event" | "request" | "schedule" | "integration_enabled" | "webhook" | "test" | "replay";
        /** @description A connected user. */
        User: {
            /** @description The builder's own id of the user. */
            id: string;
            /** @description Whether nothing runs for the user. */
            disabled: boolean;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description Since when nothing runs for the user.
             */
            disabled_at?: string | null;
            /** @description What the builder's app says of the user. */
            meta: Record<string, unknown>;
        };
        /** @description What to change of a user. */
        UserChangeRequest: {
            /** @description Whether nothing runs for the user; when left out, that stays as it is. */
            disabled?: boolean | null;
            /** @description Members are merged one level deep; null takes one away. */
            meta?: Record<string, unknown>;
        };
        /** @description A page of users, in order of their ids. */
        UserList: {
            users: components["schemas"]["User"][];
            /** @description Pass it as `cursor` to go on; null at the end. */
            next?: string | null;
        };
        /** @description What is known of a user. */
        UserRequest: {
            /** @description Whether nothing runs for the user; when left out, that stays as it is. */
            disabled?: boolean | null;
        };
        /** @description The versions of a workflow, newest first. */
        VersionList: {
            versions: components["schemas"]["WorkflowVersion"][];
        };
        /** @description A webhook of an integration. */
        Webhook: {
            /**
             * Format: uuid
             * @description A stable UUID, for URLs in the form of the published SDK.
             */
            id: string;
            /** @description Its id in the connector's manifest, which workflows name it by. */
            webhook: string;
            title: string;
            scope: components["schemas"]["WebhookScopeView"];
            /** @description The URL to enter; null where each account has its own. */
            url?: string | null;
            /** @description How to enter it. */
            instructions?: string | null;
            /** @description Whether workflows can listen to it. */
            supported: boolean;
            /** @description Whether there is what its calls are proven with; null where each account has its own. */
            ready?: boolean | null;
            /** @description The value of your app that its calls are signed with. */
            app_field?: string | null;
            /** @description The types of its events, with a line for people; empty where the connector does not know. */
            events: {
                [key: string]: string;
            };
        };
        /** @description Webhooks. */
        WebhookList: {
            /** @description In the order of the connector's manifest. */
            webhooks: components["schemas"]["Webhook"][];
        };
        /**
         * @description Whose URL a webhook has.
         * @enum {string}
         */
        WebhookScopeView: "app" | "account";
        /** @description What keeps a run. */
        Why: {
            /** Format: uuid */
            run: string;
            status: components["schemas"]["RunStatus"];
            /** @description All that keeps it, the most telling first; at least one. */
            reasons: components["schemas"]["WhyReason"][];
        };
        /** @description One thing that keeps a run. */
        WhyReason: {
            /**
             * @description A word for programs: `ended`, `delay`, `retry`, `provider_limit`, `system_retry`,
             *     `queue_away`, `missing`, `queued`, `no_worker`, `queue_paused`, `at_cap`, `rate_cap`, `lanes_unknown`,
             *     `delayed`, `held`, `running` or `taken_over`. More may come.
             */
            code: string;
            /** @description The same for people. */
            message: string;
            /** @description The step that it is about. */
            step?: string | null;
            /**
             * Format: int32
             * @description The attempt that failed.
             */
            attempt?: number | null;
            /**
             * Format: date-time
             * @description When it goes on.
             */
            until?: string | null;
            /**
             * Format: date-time
             * @description When it ended, or when its last recorded step did.
             */
            since?: string | null;
            error?: components["schemas"]["StepError"] | null;
            /**
             * Format: int64
             * @description Jobs of the project that are ready.
             */
            ready?: number | null;
            /**
             * Format: int64
             * @description Jobs of the project that run.
             */
            running?: number | null;
            /**
             * Format: int32
             * @description Runs that the project may have at a time.
             */
            running_max?: number | null;
            /**
             * Format: int64
             * @description Jobs that go before the run: in its queue, or, where it is held, in its lane. Left out where
             *     they are too many to be counted.
             */
            before?: number | null;
            /** @description The runs that it waits for, the first few. */
            ahead?: string[];
            /**
             * Format: int32
             * @description Runs of its workflow that may be out at a time, where that is what it waits for.
             */
            lane_max?: number | null;
            /** @description The worker that has it: machine and process. */
            worker?: string | null;
            /**
             * Format: date-time
             * @description When its worker loses it if it does not say that it goes on.
             */
            lease_until?: string | null;
            /**
             * Format: int32
             * @description How often a worker died under the run.
             */
            times?: number | null;
        };
        /** @description A worker process. */
        Worker: {
            /** Format: uuid */
            id: string;
            /** @description Its machine and process. */
            address: string;
            /** Format: int64 */
            uptime_ms: number;
            /**
             * Format: int32
             * @description Runs that it can execute at once.
             */
            slots: number;
            /**
             * Format: int32
             * @description Runs that it executes.
             */
            in_flight: number;
            state: components["schemas"]["WorkerState"];
            /** @description What it serves first: `shared:<shard>` or `dedicated:<project>`; at most 64. */
            sources: string[];
        };
        /** @description The workers of the installation. */
        WorkerList: {
            workers: components["schemas"]["Worker"][];
            /**
             * Format: int32
             * @description How many there should be, by the leader; null while there has been none.
             */
            desired?: number | null;
            /**
             * Format: int64
             * @description The number of the leader's time in office; null while there has been none.
             */
            term?: number | null;
        };
        /**
         * @description What a worker is about to do.
         * @enum {string}
         */
        WorkerState: "working" | "leaving" | "stopping";
        /** @description A workflow. */
        Workflow: {
            /** Format: uuid */
            id: string;
            /** @description Unique in the project. */
            name: string;
            /** @description Whether new runs start. */
            deployed: boolean;
            /**
             * Format: uuid
             * @description The version that new runs use; null when it is not deployed.
             */
            version_id?: string | null;
            /**
             * Format: int32
             * @description The number of that version, counted from 1.
             */
            version?: number | null;
            /** Format: date-time */
            created_at: string;
            /**
             * Format: date-time
             * @description When it was last deployed or undeployed.
             */
            updated_at: string;
        };
        /** @description A workflow with its document. */
        WorkflowDetail: components["schemas"]["Workflow"] & {
            /** @description The document of the deployed version, else of the latest; null when there is only a draft. */
            document?: Record<string, unknown> | null;
        };
        /** @description The workflows of a project, by name. */
        WorkflowList: {
            workflows: components["schemas"]["Workflow"][];
        };
        /** @description One immutable version of a workflow. */
        WorkflowVersion: {
            /** Format: uuid */
            id: string;
            /**
             * Format: int32
             * @description Counted from 1.
             */
            number: number;
            /** Format: date-time */
            created_at: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    list_projects: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Projects in one page. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The projects */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_project: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProjectRequest"];
            };
        };
        responses: {
            /** @description The project */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedProject"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_api_keys: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_api_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApiKeyRequest"];
            };
        };
        responses: {
            /** @description The key */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedApiKey"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_api_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The key's id. */
                api_key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is revoked */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_archived_days: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Days in one page. */
                limit?: number;
            };
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of days */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ArchivedDayList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    export_archived_day: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The day, in UTC, that the runs were accepted on: `2026-03-09`. */
                day: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lines */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_archived_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The run. */
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lines */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_connect_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The session's id. */
                session: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectSession"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_connectors: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connectors */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_connector: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The connector's name, such as `slack`; `custom.<name>` for the project's own. */
                connector: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connector with its manifest */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Connector"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    put_connector: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The connector's name, such as `slack`; `custom.<name>` for the project's own. */
                connector: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConnectorManifest"];
            };
        };
        responses: {
            /** @description It is kept */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PutConnectorResult"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_connector: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The connector's name, such as `slack`; `custom.<name>` for the project's own. */
                connector: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_connector_icon: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The connector's name, such as `slack`; `custom.<name>` for the project's own. */
                connector: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The icon */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/svg+xml": string;
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_credential: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The account's id. */
                credential: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Credential"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    disconnect_credential: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The account's id. */
                credential: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is disconnected */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    complete_credential_setup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The account's id. */
                credential: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetupRequest"];
            };
        };
        responses: {
            /** @description The account */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Credential"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_configurations: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The account's id. */
                credential: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The configurations */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettingsList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    add_configuration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The account's id. */
                credential: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SettingsRequest"];
            };
        };
        responses: {
            /** @description The configuration */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountConfiguration"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_configuration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The account's id. */
                credential: string;
                /** @description The configuration's id, or `ext:` and its external id. */
                configuration: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_configuration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The account's id. */
                credential: string;
                /** @description The configuration's id, or `ext:` and its external id. */
                configuration: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SettingsChangeRequest"];
            };
        };
        responses: {
            /** @description The configuration */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountConfiguration"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    probe_credential: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The account's id. */
                credential: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What it said */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_account_webhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The account's id. */
                credential: string;
                /** @description The webhook's id in the connector's manifest. */
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What to enter */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountWebhook"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_events: {
        parameters: {
            query?: {
                /** @description Events behind this number; `next` of the page before. */
                after?: number;
                /** @description Events in one page. */
                limit?: number;
            };
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_integrations: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The integrations */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IntegrationList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    add_integration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IntegrationRequest"];
            };
        };
        responses: {
            /** @description The integration */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Integration"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_integration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The integration's id, or its connector's name. */
                integration: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The integration */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Integration"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_integration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The integration's id, or its connector's name. */
                integration: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is removed */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_integration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The integration's id, or its connector's name. */
                integration: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IntegrationChange"];
            };
        };
        responses: {
            /** @description The integration */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Integration"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    set_app: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The integration's id, or its connector's name. */
                integration: string;
                /** @description The connector's auth method. */
                auth_method: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AppRequest"];
            };
        };
        responses: {
            /** @description The integration */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Integration"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_webhooks: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The integration's id, or its connector's name. */
                integration: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhooks */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_portal: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How it looks */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Portal"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_portal: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PortalChange"];
            };
        };
        responses: {
            /** @description How it looks now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Portal"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_portal_link: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PortalLinkRequest"];
            };
        };
        responses: {
            /** @description The link */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PortalLink"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_proxy_calls: {
        parameters: {
            query?: {
                /** @description Calls of this connected user. */
                user?: string;
                /** @description Calls with this integration. */
                integration?: string;
                /** @description Calls that were answered with a status of this class. */
                status?: "2xx" | "3xx" | "4xx" | "5xx";
                /** @description Calls that ended at or after this time. */
                since?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Calls in one page. */
                limit?: number;
            };
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of calls */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProxyCallList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_project_queue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the queue is served */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectQueue"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    put_project_queue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProjectQueueRequest"];
            };
        };
        responses: {
            /** @description How the queue is served */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProjectQueue"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_runs: {
        parameters: {
            query?: {
                /** @description Runs of this workflow. */
                workflow?: string;
                /** @description Runs for this connected user. */
                user?: string;
                /** @description Runs that were accepted for this account. */
                credential?: string;
                /** @description Runs that were accepted for this configuration of an account. */
                configuration?: string;
                /** @description Runs in this state. */
                status?: components["schemas"]["RunStatus"];
                /** @description Runs accepted at or after this time. */
                after?: string;
                /** @description Runs accepted before this time. */
                before?: string;
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Runs in one page. */
                limit?: number;
            };
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of runs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The run. */
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancel_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The run. */
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The run is cancelled */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    follow_run: {
        parameters: {
            query?: never;
            header?: {
                /** @description Where to go on */
                "last-event-id"?: string | null;
            };
            path: {
                project: string;
                /** @description The run. */
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_run_input: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The run. */
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The value */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replay_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The run. */
                run: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReplayRequest"];
            };
        };
        responses: {
            /** @description The new run is accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptedRun"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_run_steps: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Records in one page. */
                limit?: number;
                /** @description Which inputs and outputs to show. Whatever is asked for, a page holds at most 8 MB of them. */
                payloads?: "none" | "inline" | "full";
            };
            header?: never;
            path: {
                project: string;
                /** @description The run. */
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of step records */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StepList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_run_value: {
        parameters: {
            query?: {
                /** @description The attempt; the last one when left out. */
                attempt?: number;
                /** @description Positions in the fan-outs around the step, outermost first, joined by dots: `3.0`. */
                iteration?: string;
                /** @description Where to begin to look; `href` of an omitted value carries it. */
                cursor?: string;
            };
            header?: never;
            path: {
                project: string;
                /** @description The run. */
                run: string;
                /** @description The step. */
                step: string;
                /** @description Which of its values. */
                field: "input" | "output";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The value */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    why_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The run. */
                run: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What keeps the run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Why"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_secrets: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The secrets */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecretList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_secret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecretRequest"];
            };
        };
        responses: {
            /** @description It is kept */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Secret"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replace_secret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The secret's key. */
                secret_key: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecretValue"];
            };
        };
        responses: {
            /** @description It is replaced */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Secret"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_secret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The secret's key. */
                secret_key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_signing_keys: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SigningKeyList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_signing_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The key */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedSigningKey"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke_signing_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The key's id: the `kid` of its tokens. */
                signing_key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is revoked */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    test_workflow: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TestRunRequest"];
            };
        };
        responses: {
            /** @description The run is accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptedRun"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_users: {
        parameters: {
            query?: {
                /** @description `next` of the page before. */
                cursor?: string;
                /** @description Users in one page. */
                limit?: number;
            };
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of users */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The builder's own id of the user, 1 to 255 bytes. */
                user: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    put_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The builder's own id of the user, 1 to 255 bytes. */
                user: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserRequest"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    patch_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The builder's own id of the user, 1 to 255 bytes. */
                user: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChangeRequest"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    open_connect_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The builder's own id of the user, 1 to 255 bytes. */
                user: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConnectRequest"];
            };
        };
        responses: {
            /** @description The session */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenedConnectSession"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_credentials: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The builder's own id of the user, 1 to 255 bytes. */
                user: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The accounts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CredentialList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    link_credential: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The builder's own id of the user, 1 to 255 bytes. */
                user: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LinkRequest"];
            };
        };
        responses: {
            /** @description The account */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Credential"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    choose_workflow: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The builder's own id of the user, 1 to 255 bytes. */
                user: string;
                /** @description The workflow. */
                workflow: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChoiceRequest"];
            };
        };
        responses: {
            /** @description The choice is kept */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_workflows: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The workflows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkflowList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    apply_workflows: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplyRequest"];
            };
        };
        responses: {
            /** @description What was done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApplyResult"];
                };
            };
            /** @description A document is not valid: `errors` names file, line, column and step of each fault */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_workflow: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The workflow. */
                workflow: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The workflow */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkflowDetail"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    undeploy_workflow: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The workflow. */
                workflow: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is not deployed any more */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_workflow_versions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
                /** @description The workflow. */
                workflow: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The versions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_queues: {
        parameters: {
            query?: {
                /** @description Queues in the answer. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The queues */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QueueList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_queue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project whose queue it is. */
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The queue */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queue"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_queue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The project whose queue it is. */
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QueueChangeRequest"];
            };
        };
        responses: {
            /** @description The queue */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queue"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_workers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The workers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkerList"];
                };
            };
            /** @description What went wrong */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}

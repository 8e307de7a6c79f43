//! Connectors against servers that nobody here wrote: `emulate` (GitHub, Google, Slack, Stripe,
//! Linear, Twilio), `backlot` (HubSpot, Jira, Notion and Slack, to read) and SeaweedFS (S3).
//!
//! Real manifests, accounts that are linked and kept in a real vault service, calls over real
//! sockets. Only one thing is ours: [`detour`] sends the calls to loopback instead of the
//! providers' hosts. What the stand-ins cannot do is listed in `tests/providers/README.md`; a
//! test whose server cannot be installed says so and is passed over.

mod backlot;
mod browser;
mod detour;
mod github;
mod google;
mod linear;
mod rig;
mod seaweedfs;
mod server;
mod slack;
mod stripe;
mod twilio;

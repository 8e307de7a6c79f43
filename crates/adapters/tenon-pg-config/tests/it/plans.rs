use std::sync::atomic::Ordering;

use tenon_contract::plan::PlanSource;
use tenon_domain::workflow::Trigger;
use tenon_domain::{ProjectId, VersionId};

use crate::fixture::{Fixture, Outcome, answering_document, document};

#[tokio::test]
async fn a_plan_has_what_intake_needs() -> Outcome {
    let f = Fixture::new().await?;
    let documents = [answering_document("b"), document("a", 1)];
    let applied = f.configuration.apply(f.project, &documents).await?;
    let plan = f.plan().await?;
    assert!(plan.authenticate(f.key.expose()).is_some());
    let [a, b] = &plan.workflows[..] else { return Err("two are deployed".into()) };
    assert_eq!((a.name.as_str(), a.has_response, a.enabled_by_default), ("a", false, true));
    assert_eq!((b.name.as_str(), b.has_response, b.enabled_by_default), ("b", true, false));
    assert_eq!((b.version, b.response_timeout_seconds), (applied[0].version, 7));
    assert_eq!(a.triggers, [Trigger::AppEvent { event: "contact.created".into() }]);
    Ok(())
}

#[tokio::test]
async fn a_version_is_read_back_as_it_was_applied() -> Outcome {
    let f = Fixture::new().await?;
    let applied = f.configuration.apply(f.project, &[answering_document("b")]).await?;
    let plan = f.reader.workflow(applied[0].version).await?.ok_or("it is stored")?;
    assert_eq!((plan.project, plan.workflow, plan.number), (f.project, applied[0].workflow, 1));
    let text = serde_json::to_string(&plan.document)?;
    assert_eq!(text, serde_json::to_string(&answering_document("b"))?, "the order of names stays");
    assert!(f.reader.workflow(VersionId::new()).await?.is_none());
    assert!(f.reader.project(ProjectId::new()).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn each_change_is_published_and_announced_after_its_commit() -> Outcome {
    let f = Fixture::new().await?;
    f.cache.announced.lock().expect("no test panics in it").clear();
    let applied = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    assert_eq!(*f.cache.project_plan(f.project).ok_or("it is published")?, *f.plan().await?);
    let cached = f.cache.workflow(applied[0].version).await?.ok_or("it is published")?;
    assert_eq!(cached.document, document("a", 1));
    let announced = f.cache.announced.lock().expect("no test panics in it").clone();
    assert_eq!(announced, [format!("plan:{}", f.project)]);
    Ok(())
}

#[tokio::test]
async fn a_change_stands_while_the_cache_is_away_and_is_published_later() -> Outcome {
    let f = Fixture::new().await?;
    f.publisher.publish_all().await?;
    f.cache.is_away.store(true, Ordering::Relaxed);
    let applied = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    assert!(applied[0].changed);
    assert!(f.publisher.repair().await.is_err());

    f.cache.is_away.store(false, Ordering::Relaxed);
    assert!(f.cache.project_plan(f.project).ok_or("the old one")?.workflows.is_empty());
    f.publisher.repair().await?;
    assert_eq!(*f.cache.project_plan(f.project).ok_or("it is published")?, *f.plan().await?);
    assert!(f.cache.workflow(applied[0].version).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_cache_that_forgot_is_filled_again_with_every_project() -> Outcome {
    let f = Fixture::new().await?;
    let other = f.other_project().await?;
    let applied = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    f.cache.projects.lock().expect("no test panics in it").clear();
    f.cache.workflows.lock().expect("no test panics in it").clear();
    f.cache.is_filled.store(false, Ordering::Relaxed);

    f.publisher.repair().await?;
    assert!(f.cache.is_filled.load(Ordering::Relaxed));
    assert!(f.cache.project_plan(f.project).is_some());
    assert!(f.cache.project_plan(other).is_some());
    assert!(f.cache.workflow(applied[0].version).await?.is_some());

    f.cache.announced.lock().expect("no test panics in it").clear();
    f.publisher.repair().await?;
    let announced = f.cache.announced.lock().expect("no test panics in it").clone();
    assert!(announced.is_empty(), "nothing is missing, so nothing is published: {announced:?}");
    Ok(())
}

#[tokio::test]
async fn a_project_with_a_document_that_cannot_be_read_keeps_its_other_workflows() -> Outcome {
    let f = Fixture::new().await?;
    let documents = [document("a", 1), document("b", 1)];
    let applied = f.configuration.apply(f.project, &documents).await?;
    let mut superuser =
        <sqlx::PgConnection as sqlx::Connection>::connect(&f.database.superuser_url).await?;
    sqlx::query("ALTER TABLE workflow_version DISABLE TRIGGER workflow_version_immutable")
        .execute(&mut superuser)
        .await?;
    sqlx::query("UPDATE workflow_version SET document = '{\"version\": 9}' WHERE id = $1")
        .bind(applied[0].version.uuid())
        .execute(&mut superuser)
        .await?;
    let names: Vec<String> =
        f.plan().await?.workflows.iter().map(|workflow| workflow.name.clone()).collect();
    assert_eq!(names, ["b"]);
    assert!(f.reader.workflow(applied[0].version).await.is_err());
    Ok(())
}

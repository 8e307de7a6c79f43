use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_config::workflows::Listed;
use tenon_config::{Batch, Error, Limits, WorkflowState};

use crate::fixture::{Fixture, Outcome, answering_document, document};

#[tokio::test]
async fn applying_twice_is_applying_once() -> Outcome {
    let f = Fixture::new().await?;
    let documents = [document("a", 1), answering_document("b")];
    let first = f.configuration.apply(f.project, &documents).await?;
    assert!(first.iter().all(|one| one.changed && one.number == 1));
    let revision = f.plan().await?.revision;

    let second = f.configuration.apply(f.project, &documents).await?;
    assert!(second.iter().all(|one| !one.changed));
    assert_eq!(
        second.iter().map(|one| one.version).collect::<Vec<_>>(),
        first.iter().map(|one| one.version).collect::<Vec<_>>(),
    );
    assert_eq!(f.plan().await?.revision, revision, "nothing changed, so the plan did not");
    assert_eq!(f.configuration.versions(f.project, first[0].workflow).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_changed_document_is_a_new_version_and_the_old_one_stays() -> Outcome {
    let f = Fixture::new().await?;
    let first = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    let second = f.configuration.apply(f.project, &[document("a", 2)]).await?;
    assert_eq!((second[0].number, second[0].changed), (2, true));
    assert_eq!(second[0].workflow, first[0].workflow);
    let numbers: Vec<u32> = f
        .configuration
        .versions(f.project, first[0].workflow)
        .await?
        .iter()
        .map(|version| version.number)
        .collect();
    assert_eq!(numbers, [2, 1]);
    let old = f.configuration.document(f.project, first[0].version).await?;
    assert_eq!(old, serde_json::to_string(&document("a", 1))?);
    Ok(())
}

#[tokio::test]
async fn a_version_cannot_be_changed_in_the_database() -> Outcome {
    let f = Fixture::new().await?;
    f.configuration.apply(f.project, &[document("a", 1)]).await?;
    let mut superuser = PgConnection::connect(&f.database.superuser_url).await?;
    let error = sqlx::raw_sql("UPDATE workflow_version SET document = '{}'")
        .execute(&mut superuser)
        .await
        .expect_err("a trigger refuses it");
    assert!(error.to_string().contains("immutable"), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_apply_that_fails_half_way_leaves_nothing() -> Outcome {
    let f = Fixture::with_limits(Limits { workflows_max: 2, ..Limits::default() }).await?;
    f.configuration.apply(f.project, &[document("a", 1)]).await?;
    let before = f.plan().await?;
    let outcome = f
        .configuration
        .apply(f.project, &[document("a", 2), document("b", 1), document("c", 1)])
        .await;
    assert!(matches!(outcome, Err(Error::LimitReached { max: 2, .. })), "{outcome:?}");
    assert_eq!(f.plan().await?, before);
    assert_eq!(f.configuration.workflows(f.project, Listed::WithArchived).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_database_error_half_way_leaves_nothing() -> Outcome {
    let f = Fixture::new().await?;
    let mut superuser = PgConnection::connect(&f.database.superuser_url).await?;
    sqlx::raw_sql(AssertSqlSafe("ALTER TABLE workflow ADD CHECK (name <> 'poison')".to_owned()))
        .execute(&mut superuser)
        .await?;
    let documents = [document("a", 1), document("poison", 1)];
    let outcome = f.configuration.apply(f.project, &documents).await;
    assert!(matches!(outcome, Err(Error::Store(_))), "{outcome:?}");
    assert!(f.configuration.workflows(f.project, Listed::WithArchived).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_name_may_occur_once_in_an_apply() -> Outcome {
    let f = Fixture::new().await?;
    let outcome = f.configuration.apply(f.project, &[document("a", 1), document("a", 2)]).await;
    assert!(matches!(outcome, Err(Error::NameTwice { name }) if name == "a"));
    Ok(())
}

#[tokio::test]
async fn applies_that_run_at_once_number_their_versions_without_gaps() -> Outcome {
    let f = Fixture::new().await?;
    let runs: Vec<_> = (1..=12)
        .map(|days| {
            let (configuration, project) = (f.configuration.clone(), f.project);
            tokio::spawn(async move {
                configuration.apply(project, &[document("a", days), document("b", days)]).await
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for run in runs {
        let applied = run.await??;
        assert_eq!(applied[0].number, applied[1].number, "one apply is one unit");
        numbers.push(applied[0].number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<u32>>());
    let plan = f.plan().await?;
    assert_eq!(*f.cache.project_plan(f.project).ok_or("it is published")?, *plan);
    assert!(plan.workflows.iter().all(|workflow| workflow.number == 12));
    Ok(())
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_changes_nothing() -> Outcome {
    let f = Fixture::new().await?;
    let batch = Batch { workflows: vec![document("a", 1)], integrations: Vec::new() };
    let applied = f.configuration.apply_dry(f.project, &batch).await?;
    assert!(applied.workflows[0].changed);
    assert!(f.configuration.workflows(f.project, Listed::WithArchived).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_undeployed_workflow_takes_no_runs_until_it_is_applied_again() -> Outcome {
    let f = Fixture::new().await?;
    let first = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    let entry = f.configuration.undeploy(f.project, first[0].workflow).await?;
    assert_eq!(entry.state, WorkflowState::Undeployed);
    assert!(f.plan().await?.workflows.is_empty());

    let again = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    assert!(again[0].changed);
    assert_eq!(again[0].version, first[0].version, "the same document needs no new version");
    assert_eq!(f.plan().await?.workflows.len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_archived_workflow_is_listed_only_when_asked_for() -> Outcome {
    let f = Fixture::new().await?;
    let applied = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    f.configuration.archive(f.project, applied[0].workflow).await?;
    assert!(f.configuration.workflows(f.project, Listed::Current).await?.is_empty());
    assert_eq!(f.configuration.workflows(f.project, Listed::WithArchived).await?.len(), 1);
    assert!(f.plan().await?.workflows.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_draft_is_stored_once_and_deploys_nothing() -> Outcome {
    let f = Fixture::new().await?;
    let draft = f.configuration.store_draft(f.project, &document("a", 1)).await?;
    let again = f.configuration.store_draft(f.project, &document("a", 1)).await?;
    assert_eq!(draft, again);
    let entry = f.configuration.workflow(f.project, draft.workflow).await?;
    assert_eq!(entry.state, WorkflowState::Undeployed);
    let cached =
        f.cache.workflows.lock().expect("no test panics in it").get(&draft.version).cloned();
    assert_eq!(cached.ok_or("a worker finds the draft")?.document, document("a", 1));

    let applied = f.configuration.apply(f.project, &[document("a", 1)]).await?;
    assert_eq!((applied[0].workflow, applied[0].number), (draft.workflow, 1));
    assert_ne!(applied[0].version, draft.version);
    Ok(())
}

#[tokio::test]
async fn only_the_newest_drafts_are_kept() -> Outcome {
    let f = Fixture::with_limits(Limits { drafts_max: 2, ..Limits::default() }).await?;
    let mut drafts = Vec::new();
    for days in 1..=3 {
        drafts.push(f.configuration.store_draft(f.project, &document("a", days)).await?);
    }
    assert!(f.configuration.document(f.project, drafts[0].version).await.is_err());
    assert!(f.configuration.document(f.project, drafts[2].version).await.is_ok());
    Ok(())
}

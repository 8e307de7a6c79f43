use tenon_config::{ApiKeyText, DisplayName, Error};
use tenon_contract::plan::{PlanSource, QueuePlan};
use tenon_domain::ProjectId;

use crate::fixture::{Fixture, Outcome};

#[tokio::test]
async fn the_dev_project_is_made_once_and_a_held_key_stays_valid() -> Outcome {
    let f = Fixture::new().await?;
    let held = f.key.expose().to_owned();
    let again =
        f.configuration.ensure_dev_project("demo", Some(ApiKeyText::new(held.clone()))).await?;
    assert_eq!(again.project, f.project);
    assert_eq!(again.key.expose(), held);
    assert!(!again.is_new_key);
    assert_eq!(f.configuration.api_keys(f.project).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_held_key_that_is_not_valid_is_replaced() -> Outcome {
    let f = Fixture::new().await?;
    let stale = Some(ApiKeyText::new("tnn_00000000_stale"));
    let again = f.configuration.ensure_dev_project("demo", stale).await?;
    assert!(again.is_new_key);
    assert!(f.configuration.is_valid_api_key(f.project, &again.key).await?);
    Ok(())
}

#[tokio::test]
async fn bootstraps_that_run_at_once_make_one_project() -> Outcome {
    let f = Fixture::new().await?;
    let name = DisplayName::parse("Acme")?;
    let runs = (0..8).map(|_| {
        let (configuration, name) = (f.configuration.clone(), name.clone());
        tokio::spawn(async move { configuration.bootstrap(&name, &name, &name).await })
    });
    let mut projects = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        projects.push(run.await??.id);
    }
    projects.dedup();
    assert_eq!(projects.len(), 1);
    Ok(())
}

#[tokio::test]
async fn projects_are_made_once_by_name_and_listed_in_pages() -> Outcome {
    let f = Fixture::new().await?;
    let mut made = vec![f.project];
    for name in ["Shop", "Billing"] {
        let new = f.configuration.create_project(&DisplayName::parse(name)?).await?;
        assert!(f.configuration.is_valid_api_key(new.project.id, &new.key.text).await?);
        made.push(new.project.id);
    }
    let again = f.configuration.create_project(&DisplayName::parse("Shop")?).await;
    assert!(matches!(again.err(), Some(Error::Conflict { .. })));

    made.sort();
    let first = f.configuration.list_projects(None, 2).await?;
    let rest = f.configuration.list_projects(Some(first[1].id), 2).await?;
    let listed: Vec<_> = first.iter().chain(&rest).map(|project| project.id).collect();
    assert_eq!(listed, made);
    assert_eq!(rest.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_asked_of_an_unknown_project_is_refused() -> Outcome {
    let f = Fixture::new().await?;
    let unknown = ProjectId::new();
    let outcome = f.configuration.apply(unknown, &[]).await;
    assert!(matches!(outcome, Err(Error::NoSuchProject(id)) if id == unknown), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn how_a_queue_is_served_goes_with_the_plan() -> Outcome {
    let f = Fixture::new().await?;
    assert_eq!(f.configuration.project_queue(f.project).await?, QueuePlan::default());
    let before = f.configuration.project(f.project).await?.revision;
    let queue = QueuePlan {
        weight: 40,
        running_max: Some(7),
        starts_per_second: Some(2.5),
        calls_per_connector_max: Some(3),
    };
    assert_eq!(f.configuration.set_project_queue(f.project, &queue).await?, queue);
    let plan = f.reader.project(f.project).await?.ok_or("it is there")?;
    assert_eq!((plan.queue, plan.revision), (queue, before + 1));
    f.configuration.set_project_queue(f.project, &queue).await?;
    assert_eq!(f.configuration.project(f.project).await?.revision, before + 1, "nothing changed");
    let back = QueuePlan::default();
    f.configuration.set_project_queue(f.project, &back).await?;
    assert_eq!(f.configuration.project_queue(f.project).await?, back);
    let bad = QueuePlan { weight: 0, ..back };
    let refused = f.configuration.set_project_queue(f.project, &bad).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    let nobody = f.configuration.set_project_queue(ProjectId::new(), &queue).await;
    assert!(matches!(nobody, Err(Error::NoSuchProject(_))));
    Ok(())
}

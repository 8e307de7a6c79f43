//! Runs that are in the database no more.

use jiff::civil::Date;
use reqwest::Method;
use tenon_domain::RunId;

use super::Client;
use crate::archive::ArchiveLines;
use crate::error::Error;
use crate::model::archive::ArchivedDayList;

impl Client {
    /// A page of archived days, newest first; at most `limit` (1 to 200).
    pub async fn archived_days(
        &self,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<ArchivedDayList, Error> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        self.json(self.get("archive/days").query(&query)).await
    }

    /// The lines of an archived day.
    pub async fn archived_day(&self, day: Date) -> Result<ArchiveLines, Error> {
        let response = self.answer(self.call(Method::GET, &format!("archive/days/{day}"))).await?;
        Ok(ArchiveLines::new(self.clone(), response))
    }

    /// The lines of an archived run.
    pub async fn archived_run(&self, run: RunId) -> Result<ArchiveLines, Error> {
        let response = self.answer(self.call(Method::GET, &format!("archive/runs/{run}"))).await?;
        Ok(ArchiveLines::new(self.clone(), response))
    }
}

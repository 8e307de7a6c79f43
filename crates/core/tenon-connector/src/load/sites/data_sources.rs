//! The value positions of data sources.

use super::Walk;
use crate::manifest::data_sources::Select;

const ASKED: &[&str] = &["token", "chosen", "page"];
const ASKED_ANSWER: &[&str] = &["token", "chosen", "page", "response"];
const ASKED_ITEM: &[&str] = &["token", "chosen", "item"];
const ASKED_OPTION: &[&str] = &["token", "chosen", "item", "option"];
const SEARCHED: &[&str] = &["token", "chosen", "page", "search"];
const SEARCHED_ANSWER: &[&str] = &["token", "chosen", "page", "search", "response"];

impl<'a> Walk<'a> {
    pub(super) fn select(&mut self, pointer: &str, select: &'a Select) {
        self.chosen = &select.depends_on;
        let has_search = select.search.is_some();
        let (asked, answer) = match has_search {
            true => (SEARCHED, SEARCHED_ANSWER),
            false => (ASKED, ASKED_ANSWER),
        };
        self.roots = asked;
        self.map(&format!("{pointer}/input"), &select.input);
        if let Some(request) = &select.request {
            self.request(&format!("{pointer}/request"), request);
        }
        if let Some(search) = &select.search {
            self.maybe(&format!("{pointer}/search/value"), search.value.as_ref());
        }
        self.roots = answer;
        if let Some(pagination) = &select.pagination {
            self.pagination(&format!("{pointer}/pagination"), pagination);
        }
        self.maybe(&format!("{pointer}/items"), select.items.as_ref());
        self.errors(&format!("{pointer}/errors"), &select.errors);
        self.roots = ASKED_ITEM;
        self.condition(&format!("{pointer}/when"), select.when.as_ref());
        self.source(&format!("{pointer}/label"), &select.label);
        self.source(&format!("{pointer}/value"), &select.value);
        self.maybe(&format!("{pointer}/subtitle"), select.subtitle.as_ref());
        self.maybe(&format!("{pointer}/section"), select.section.as_ref());
        if let Some(form) = &select.form {
            self.source(&format!("{pointer}/form/type"), &form.kind);
            self.maybe(&format!("{pointer}/form/required"), form.required.as_ref());
            if let Some(options) = &form.options {
                self.source(&format!("{pointer}/form/options/items"), &options.items);
                self.roots = ASKED_OPTION;
                self.source(&format!("{pointer}/form/options/label"), &options.label);
                self.source(&format!("{pointer}/form/options/value"), &options.value);
            }
        }
        self.chosen = &[];
    }
}

//! `rackless nf show`: the counters of a running function, all or a table of some.

use std::path::Path;
use std::process::ExitCode;

use rackless_runtime::Report;
use rackless_runtime::control::{self, Request, Subject};

use super::tables::{self, Table};
use super::target::{Options, Reached, Target, no_answer, run_there};
use crate::failure::Failure;
use crate::output;

/// Which function's counters.
#[derive(clap::Args)]
pub(crate) struct Show {
    /// What to show, and the node it runs on; both may be left out, the node on itself and if the lab has only one
    #[arg(value_name = "runtime|errors|graph|ports] [NODE", num_args = 0..=2)]
    words: Vec<String>,
    #[command(flatten)]
    options: Options,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print Prometheus' text format
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
    /// How the graph is drawn
    #[arg(short, long, value_enum, default_value_t = Drawing::Text)]
    format: Drawing,
}

/// How a live graph is drawn.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Drawing {
    /// A tree of lines
    Text,
    /// Graphviz
    Dot,
    /// For Markdown
    Mermaid,
}

impl Show {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let (table, node) = self.subject()?;
        if table != Some(Table::Graph) && self.format != Drawing::Text {
            return Err(
                Failure::cannot("--format is for a graph").hint("rackless nf show graph NODE --format dot")
            );
        }
        if table.is_some() && self.prometheus {
            return Err(Failure::cannot("Prometheus' text format has all counters, and no tables"));
        }
        match Target::new(node, self.options.clone())?.reach()? {
            Reached::Here(socket) => self.print(table, &socket),
            Reached::Node(client, node) => {
                let mut argv = vec!["nf", "show"];
                argv.extend(table.map(Table::name));
                argv.extend(self.json.then_some("--json"));
                argv.extend(self.prometheus.then_some("--prometheus"));
                argv.extend(match self.format {
                    Drawing::Text => None,
                    Drawing::Dot => Some("--format=dot"),
                    Drawing::Mermaid => Some("--format=mermaid"),
                });
                run_there(client, node, &argv, None)
            }
        }
    }

    /// The table and the node that the words name.
    fn subject(&self) -> Result<(Option<Table>, Option<String>), Failure> {
        match self.words.as_slice() {
            [] => Ok((None, None)),
            [word] => Ok(match Table::named(word) {
                Some(table) => (Some(table), None),
                None => (None, Some(word.clone())),
            }),
            [table, node, ..] => match Table::named(table) {
                Some(table) => Ok((Some(table), Some(node.clone()))),
                None => Err(Failure::cannot(format!("'{table}' cannot be shown of a function"))
                    .hint(format!("there are: {}", Table::ALL.map(Table::name).join(", ")))),
            },
        }
    }

    /// Asks on a control socket, and prints the answer as it is wanted.
    fn print(&self, table: Option<Table>, socket: &Path) -> Result<ExitCode, Failure> {
        if self.prometheus {
            output::line(control::exposition(socket).map_err(no_answer)?.trim_end())?;
            return Ok(ExitCode::SUCCESS);
        }
        let report = control::request(socket, Request::Get(Subject::Counters)).map_err(no_answer)?;
        match table {
            Some(table) => self.print_table(table, &report)?,
            None if self.json => output::json(&report)?,
            None => output::line(report.to_string().trim_end())?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print_table(&self, table: Table, report: &Report) -> Result<(), Failure> {
        if self.json {
            return output::json(&tables::json(table, report)?);
        }
        let text = match table {
            Table::Runtime => tables::runtime(report),
            Table::Errors => tables::errors(report),
            Table::Ports => tables::ports(report),
            Table::Graph => tables::graph(report, self.format)?,
        };
        output::line(text.trim_end())
    }
}

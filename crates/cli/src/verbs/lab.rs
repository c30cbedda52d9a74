//! The lab that a verb is about.

/// A lab as the only thing that a verb is told, by itself or as verbs with more to tell have it.
#[derive(clap::Args)]
pub(crate) struct LabArg {
    /// The lab's name; may be left out if one lab is up
    #[arg(value_name = "LAB")]
    name: Option<String>,
    /// The lab's name
    #[arg(short = 'l', long = "lab", value_name = "LAB", hide = true, conflicts_with = "name")]
    option: Option<String>,
}

impl LabArg {
    /// Gives the name, if one was given.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.option.as_deref())
    }
}

//! What made-up rows are of.

/// Which rows a source makes: the words of the key `rows_of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowsOf {
    /// Requests to a web server.
    #[default]
    AccessLogs,
    /// Payments with cards, some of them frauds.
    Cards,
    /// The people of the Nexmark benchmark's auction house.
    Persons,
    /// What they sell.
    Auctions,
    /// What they bid for it.
    Bids,
}

impl RowsOf {
    /// All there are, as the job file's reader lists them.
    pub const ALL: [Self; 5] = [Self::AccessLogs, Self::Cards, Self::Persons, Self::Auctions, Self::Bids];

    /// The word of the job file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AccessLogs => "access-logs",
            Self::Cards => "cards",
            Self::Persons => "persons",
            Self::Auctions => "auctions",
            Self::Bids => "bids",
        }
    }

    /// What the rows are, for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::AccessLogs => "access-log rows",
            Self::Cards => "card payments",
            Self::Persons => "persons of Nexmark",
            Self::Auctions => "auctions of Nexmark",
            Self::Bids => "bids of Nexmark",
        }
    }
}

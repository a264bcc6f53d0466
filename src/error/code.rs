//! Codes of statuses, as `google.rpc.Code` numbers and names them. They are older and wider than gRPC: a frontend
//! translates them into its protocol's own.

macro_rules! codes {
    ($($code:ident = $number:literal, $name:literal, $doc:literal;)*) => {
        /// How a call ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Code {
            $(#[doc = $doc] $code = $number,)*
        }

        impl Code {
            /// All that are used here, by their numbers.
            pub const ALL: [Self; [$($number),*].len()] = [$(Self::$code),*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    Ok = 0, "OK", "With a reply.";
    Cancelled = 1, "CANCELLED", "Its caller did not wait for the end.";
    InvalidArgument = 3, "INVALID_ARGUMENT", "The request is wrong in itself.";
    DeadlineExceeded = 4, "DEADLINE_EXCEEDED", "Its time was over.";
    NotFound = 5, "NOT_FOUND", "What it is about does not exist.";
    PermissionDenied = 7, "PERMISSION_DENIED", "The caller lacks the right.";
    ResourceExhausted = 8, "RESOURCE_EXHAUSTED", "A limit was met.";
    FailedPrecondition = 9, "FAILED_PRECONDITION", "Things are not in the state that it needs.";
    OutOfRange = 11, "OUT_OF_RANGE", "It asks beyond what there is.";
    Unimplemented = 12, "UNIMPLEMENTED", "There is no such thing here.";
    Internal = 13, "INTERNAL", "Something is broken.";
    Unavailable = 14, "UNAVAILABLE", "What should answer is not there.";
    Unauthenticated = 16, "UNAUTHENTICATED", "Who calls is not known.";
}

impl Code {
    /// Its place in [`Code::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|code| *code == self).unwrap_or_default()
    }
}

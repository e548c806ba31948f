//! What must hold of every plan, said without the planner.

pub(crate) mod aftermath;
pub(crate) mod careful;
pub(crate) mod facts;
pub(crate) mod promises;

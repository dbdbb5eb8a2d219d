//! A Redfish server that serves a tree of documents.

pub mod cli;

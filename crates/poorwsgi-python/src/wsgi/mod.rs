//! An application of ours under a WSGI server of others (PEP 3333).
//!
//! The server calls the application as any other callable. What a request means, and how its answer is found,
//! is not known here: that is the pipeline's (`language`).

mod answer;

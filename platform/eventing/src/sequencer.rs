//! The sequencer: turns commit visibility into dense offsets.

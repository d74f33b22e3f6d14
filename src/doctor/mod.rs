//! What of this host should be changed for a broker: facts are read, then judged.

"""The same faults for dlcore and others: who delivers wrong bytes, loses progress, or hangs."""

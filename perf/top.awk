# From folded stacks: for each thread its share of all samples, and its top functions with their shares of the thread.
# Variables: top (how many functions).
BEGIN { FS = "\t" }
{
    count = split($1, frames, ";")
    thread = frames[1]
    all += $2
    of_thread[thread] += $2
    leaf[thread ";" (count > 1 ? frames[count] : "?")] += $2
}
END {
    if (!all) { print "no samples"; exit }
    while ((thread = largest_thread()) != "") {
        printf "%-24s %5.1f %% of the samples\n", thread, of_thread[thread] / all * 100
        for (i = 0; i < top && (one = largest_leaf(thread)) != ""; i++) {
            printf "    %5.1f %%  %s\n", leaf[one] / of_thread[thread] * 100, substr(one, length(thread) + 2)
            delete leaf[one]
        }
        delete of_thread[thread]
    }
}

# A thread with less than a thousandth tells nothing.
function largest_thread(    thread, best) {
    for (thread in of_thread)
        if (of_thread[thread] * 1000 >= all && (best == "" || of_thread[thread] > of_thread[best])) best = thread
    return best
}

function largest_leaf(thread,    one, best) {
    for (one in leaf)
        if (index(one, thread ";") == 1 && leaf[one] * 200 >= of_thread[thread] && (best == "" || leaf[one] > leaf[best])) best = one
    return best
}

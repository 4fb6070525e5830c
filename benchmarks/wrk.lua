-- What benchmarks/pages.py reads: requests, failures, seconds, and the milliseconds of 50 and 90 of 100.  Of the slowest pages
-- some twenty requests are answered in a round: too few to say more.
function done(summary, latency)
    local failures = 0
    for _, number in pairs(summary.errors) do
        failures = failures + number
    end
    io.write(string.format(
        "\n%d %d %f %f %f\n", summary.requests, failures, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(90) / 1e3
    ))
end

-- What benchmarks/pages.py reads: requests, failures, seconds, and the milliseconds of 50, 90 and 99 of 100.
function done(summary, latency)
    local failures = 0
    for _, number in pairs(summary.errors) do
        failures = failures + number
    end
    io.write(string.format(
        "\n%d %d %f %f %f %f\n", summary.requests, failures, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3
    ))
end

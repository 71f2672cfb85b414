import ArgumentParser
import OCI
import Sync

/// How a sync is repeated, and where it tells machines what became of it.
struct RepetitionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Run again and again, from one beginning to the next: 6h, 30m. INT or TERM ends it, HUP reads the configuration.",
            valueName: "time"
        ),
        transform: Self.interval
    )
    var every: Duration?

    @Option(
        help: ArgumentHelp("Write Prometheus text about each run into this file, as a whole.", valueName: "file"),
        completion: .file()
    )
    var metricsFile: String?

    /// A time between runs.
    static func interval(_ text: String) throws -> Duration {
        do {
            let duration = try Duration(goDuration: text)
            guard duration >= .seconds(1) else {
                throw ValidationError("must be at least 1s, not '\(text.displaySafe)'")
            }
            return duration
        } catch let error as QuantityError {
            throw ValidationError("\(error)")
        }
    }
}

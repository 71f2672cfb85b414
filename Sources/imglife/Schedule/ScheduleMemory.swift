import FoundationEssentials
import Lifecycle
import Logging
import OCI
import Sync

/// When a configuration's scheduled runs began, kept beside the cache so that a restart does not begin them anew.
struct ScheduleMemory: Sendable {
    /// One file for all configurations that share the cache, by their files' paths and what of them is run.
    private struct Document: Codable {
        var version = 1
        /// Seconds since 1970.
        var began: [String: Double] = [:]
    }

    /// The year 10000, in seconds since 1970.
    private static let end = 253_402_300_800.0

    private let path: String
    private let work: String
    private let logger: Logger

    /// - Parameters:
    ///   - cacheDirectory: beside what it is kept.
    ///   - configuration: its file.
    ///   - part: what of it is run; empty for all of it.
    ///   - logger: for what cannot be kept.
    init(cacheDirectory: String, configuration: String, part: [String] = [], logger: Logger) {
        path = "\(cacheDirectory)/schedule.json"
        work = ([URL(filePath: configuration).standardizedFileURL.path] + part).joined(separator: " ")
        self.logger = logger
    }

    /// When the last run began; `nil` when none is known, or what is written there is no time.
    func lastBeginning() -> Date? {
        document().began[work].flatMap { (0..<Self.end).contains($0) ? Date(timeIntervalSince1970: $0) : nil }
    }

    /// Notes a run; what cannot be kept is told, and is no reason to end.
    func note(_ beginning: Date) {
        var document = document()
        document.began[work] = beginning.timeIntervalSince1970.rounded()
        do {
            try DurableFile(path: path).replace(with: Array(JSONEncoder().encode(document)))
        } catch {
            logger.warning(
                "the time of this run could not be kept: a restart begins with a run",
                metadata: ["error": "\(error)"]
            )
        }
    }

    private func document() -> Document {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else { return Document() }
        return (try? JSONDecoder().decode(Document.self, from: data)) ?? Document()
    }
}

import Cache
import FoundationEssentials
import Lifecycle
import Logging
import OCI
import Sync

/// When a configuration's scheduled runs began and how they ended, kept beside the cache so that a restart does not begin
/// them anew, and forgets nothing of the last.
struct ScheduleMemory: Sendable {
    /// One file for all configurations that share the cache, by their files' paths and what of them is run.
    private struct Document: Codable {
        var version = 1
        /// Seconds since 1970.
        var began: [String: Double] = [:]
        /// Not in what earlier versions wrote.
        var ended: [String: RunEnd]?
    }

    private static let maximumBytes = 4 << 20

    private let directory: String
    private let work: String
    private let logger: Logger

    /// - Parameters:
    ///   - cacheDirectory: beside what it is kept.
    ///   - configuration: its file.
    ///   - part: what of it is run; empty for all of it.
    ///   - logger: for what cannot be kept.
    init(cacheDirectory: String, configuration: String, part: [String] = [], logger: Logger) {
        directory = cacheDirectory
        work = ([URL(filePath: configuration).standardizedFileURL.path] + part).joined(separator: " ")
        self.logger = logger
    }

    private var path: String { "\(directory)/schedule.json" }

    /// When the last run began; `nil` when none is known, or what is written there is no time.
    func lastBeginning() -> Date? {
        (try? document())?.began[work].flatMap {
            (0..<RunEnd.latest).contains($0) ? Date(timeIntervalSince1970: $0) : nil
        }
    }

    /// How the last run ended; `nil` when none is known.
    func lastEnd() -> RunEnd? { (try? document())?.ended?[work].flatMap { $0.isPlausible ? $0 : nil } }

    /// Notes a run once there is a cache, because none is made beside files of somebody else's; what cannot be kept is told,
    /// and is no reason to end.
    func note(_ beginning: Date, _ end: RunEnd? = nil) {
        do {
            guard try CachePlace.holdsCache(directory) else { return }
            var document = try document()
            document.began[work] = beginning.timeIntervalSince1970.rounded()
            if let end { document.ended = (document.ended ?? [:]).merging([work: end]) { $1 } }
            try DurableFile(path: path).replace(with: Array(JSONEncoder().encode(document)))
        } catch {
            logger.warning(
                "the time of this run could not be kept: a restart begins with a run",
                metadata: ["error": "\(error)"]
            )
        }
    }

    /// - Throws: `FileError` for what is there and cannot be read: it is not written over.
    private func document() throws(FileError) -> Document {
        guard let bytes = try DurableFile(path: path).read(upTo: Self.maximumBytes) else { return Document() }
        return (try? JSONDecoder().decode(Document.self, from: Data(bytes))) ?? Document()
    }
}

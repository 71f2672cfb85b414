import Cache
import Glibc
import Logging
import OCI

/// A process that tests can kill, trace and starve: does to a cache what its arguments say, and prints what the cache
/// has acknowledged, line by line, at once.
@main
enum CacheProbe {
    private static let usage = """
        usage: CacheProbe DIRECTORY COUNT SIZE            download that many generated blobs
               CacheProbe DIRECTORY images SEED COUNT     store that many images with tags, and replace some
               CacheProbe DIRECTORY collect GRACE         collect garbage older than so many seconds
               CacheProbe DIRECTORY verify                hash everything again
               CacheProbe DIRECTORY mixed SEED COUNT      that many operations of all kinds
        """

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard let directory = arguments.first, let operation = operation(arguments.dropFirst()) else {
            print(usage)
            exit(2)
        }
        do {
            var configuration = CacheConfiguration(directory: directory)
            configuration.logger.logLevel = .error
            try await ContentCache.with(configuration, operation)
        } catch {
            print("error: \(error)")
            exit(1)
        }
    }

    private static func operation(_ arguments: ArraySlice<String>) -> ((ContentCache) async throws -> Void)? {
        let numbers = arguments.compactMap(Int.init)
        switch (arguments.first, numbers.count) {
        case ("images", 2): return { try await ImageWork($0, seed: numbers[0]).storeImages(numbers[1]) }
        case ("mixed", 2): return { try await ImageWork($0, seed: numbers[0]).mixed(numbers[1]) }
        case ("collect", 1): return { _ = try await $0.collect(CollectionOptions(grace: .seconds(numbers[0]))) }
        case ("verify", 0): return { try await ImageWork($0, seed: 0).verify() }
        case (_, 2): return { try await BlobWork.download(numbers[0], numbers[1], into: $0) }
        default: return nil
        }
    }

    /// Prints a line at once and whole, because the process may be killed right afterwards.
    static func say(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        _ = Glibc.write(1, bytes, bytes.count)
    }
}

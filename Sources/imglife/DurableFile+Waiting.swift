import Cache
import Lifecycle
import Output

extension DurableFile {
    /// As ``replace(writing:)``, where somebody may have to be waited for who reads what is written into: that ends with the
    /// task.
    func replaceWaiting(writing body: @escaping @Sendable (Put) throws(FileError) -> Void) async throws {
        if case .file? = try? OutputPlace(path) {
            try await blocking(on: .syncing) { try replace(writing: body) }
        } else {
            try await leavable { try replace(writing: body) }
        }
    }
}

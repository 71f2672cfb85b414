import Cache
import OCI
import Registry

/// What is done where a tag has moved while what it stood for was brought, so that a part of that is gone.
enum MovedTag {
    /// Brings what was read of a tag, or what the tag has come to be where the source has a part of it no more.
    ///
    /// - Parameters:
    ///   - descriptor: of what was read.
    ///   - bring: brings that.
    ///   - again: reads the tag once more, and tells what it is; `nil` where there is none.
    ///   - bringMoved: brings that instead.
    /// - Returns: what has been brought.
    /// - Throws: what bringing throws: where the tag is what it was, or cannot be read, why a part of it could not be.
    static func following<Read, Brought>(
        from descriptor: Descriptor,
        _ bring: () async throws -> Brought,
        again: () async throws -> (Read, Descriptor)?,
        _ bringMoved: (Read) async throws -> Brought
    ) async throws -> Brought {
        do {
            return try await bring()
        } catch let error as RegistryError where error.isOfLostContent {
            let moved: (read: Read, descriptor: Descriptor)?
            do {
                moved = try await again()
            } catch let other where !other.isCancellation {
                throw error
            }
            guard let moved, moved.descriptor != descriptor else { throw error }
            return try await bringMoved(moved.read)
        }
    }
}

extension RegistryError {
    /// Whether a source lacks what belongs to an image that it has, or had.
    fileprivate var isOfLostContent: Bool { kind == .notFound && [.readBlob, .readManifest].contains(action) }
}

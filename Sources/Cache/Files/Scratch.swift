import Logging
package import NIOCore
import OCI

/// Room on the cache's disk for what arrives of a blob ahead of its place: files without a name in `ingest/`.
///
/// Nothing of them outlives the process, and nobody else sees them. What they hold is set aside and taken off what is free,
/// like a download's own space; they never take the disk below its floor.
struct Scratch: ScratchSpace {
    let store: Store

    func file(size: Int64) -> (any ScratchFile)? {
        do throws(SystemError) {
            let ingest = try Ingest.anonymous(in: store)
            ingest.discard()
            let isReserved = try ingest.file.reserve(size)
            let space = FreeSpace(store: store)
            let free = space.free
            return free < 0 || free - (isReserved ? 0 : size) >= space.floor ? ingest.file : nil
        } catch {
            store.configuration.logger.debug(
                "there is no file for what arrives ahead",
                metadata: ["size": "\(size)", "error": "\(error.reason)"]
            )
            return nil
        }
    }
}

extension OpenFile: ScratchFile {
    package func bytes(at offset: Int64, atMost count: Int) throws -> ByteBuffer {
        try read(at: offset, atMost: count)
    }
}

import CLinux
import Glibc
package import NIOCore
package import OCI

/// A committed blob as an open file, for reading any part of it at any time.
///
/// What it holds was right when it was committed; whether it still is only a reader can tell who hashes it.
package struct BlobFile: Sendable {
    package let digest: Digest
    /// Which file it is: another one when it is replaced or written to.
    package let version: FileStatus.Version
    let file: OpenFile
    /// Is told when the system cannot read it.
    private let health: StoreHealth?

    init(_ digest: Digest, _ file: OpenFile, _ health: StoreHealth? = nil) throws(SystemError) {
        self.digest = digest
        self.file = file
        self.health = health
        let status = try file.status()
        guard status.isRegular else { throw SystemError(call: "open", code: ELOOP) }
        version = status.version
    }

    /// In bytes.
    package var size: Int64 { version.size }

    /// Reads at an offset; blocks while the disk works.
    ///
    /// - Returns: up to `count` bytes; none only at the end of the file.
    /// - Throws: ``CacheError``.
    package func read(at offset: Int64, atMost count: Int) throws(CacheError) -> ByteBuffer {
        do throws(SystemError) {
            return try file.read(at: offset, atMost: count)
        } catch {
            let failure = CacheError(error, "read \(digest)", digest: digest)
            if error.isOfFailingDisk { health?.noteUnreadable(digest, failure) }
            throw failure
        }
    }

    /// Reads at an offset; blocks while the disk works.
    ///
    /// - Returns: as ``read(at:atMost:)`` does; `nil` when the disk cannot give back what was written to it.
    /// - Throws: ``CacheError``.
    package func readUnlessLost(at offset: Int64, atMost count: Int) throws(CacheError) -> ByteBuffer? {
        do throws(CacheError) {
            return try read(at: offset, atMost: count)
        } catch {
            guard error.isOfFailingDisk else { throw error }
            return nil
        }
    }

    /// The file for sendfile(2), with the same descriptor.
    ///
    /// Whoever has it takes the descriptor out of it (`takeDescriptorOwnership`) before letting go of this file, and never
    /// closes it.
    package func lendHandle() -> NIOFileHandle {
        NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: file.descriptor)
    }

    /// Whether it is not shorter than it was when it was opened.
    package var isWhole: Bool {
        guard let length = try? file.length() else { return false }
        return length >= size
    }

    /// Whether the system has both ends of a part in memory, and so most likely all of it.
    package func isResident(_ range: Range<Int64>) -> Bool {
        var byte: UInt8 = 0
        return clinux_read_resident(file.descriptor, &byte, 1, range.lowerBound) == 1
            && clinux_read_resident(file.descriptor, &byte, 1, range.upperBound - 1) == 1
    }

    /// Reads at an offset what the system has in memory, without waiting for the disk.
    ///
    /// - Returns: the bytes appended; 0 when they have to be read from the disk first, with ``read(at:atMost:)``.
    package func readResident(at offset: Int64, atMost count: Int, into buffer: inout ByteBuffer) -> Int {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            let count = min(count, memory.count)
            return max(0, Int(clinux_read_resident(file.descriptor, memory.baseAddress, count, offset)))
        }
    }
}

extension CachedBlob {
    /// Its file, once it is complete, verified and committed; `nil` before.
    package var committedFile: BlobFile? {
        get throws(CacheError) {
            guard let file = committedOpenFile else { return nil }
            do throws(SystemError) {
                return try BlobFile(descriptor.digest, file)
            } catch {
                throw CacheError(error, "read \(descriptor.digest)", digest: descriptor.digest)
            }
        }
    }
}

package import NIOCore

/// Where bytes of a blob wait that arrive before those in front of them.
///
/// Nobody else sees them, and nothing of them is left when their user lets go of them or dies.
package protocol ScratchSpace: Sendable {
    /// A file of its own for that many bytes.
    ///
    /// - Returns: `nil` when there is no room for it; then the bytes are asked for later, in their turn.
    func file(size: Int64) -> (any ScratchFile)?
}

/// A file in a ``ScratchSpace``.
package protocol ScratchFile: Sendable {
    /// Writes all readable bytes at an offset.
    func write(_ bytes: ByteBuffer, at offset: Int64) throws

    /// What is there at an offset.
    ///
    /// - Returns: up to `count` bytes; none at the end of what has been written.
    func bytes(at offset: Int64, atMost count: Int) throws -> ByteBuffer
}

import NIOCore

/// What the connections of one event loop share: a look at the files that are being sent, and a buffer that is used again and
/// again.
///
/// Fresh memory for every piece of a file costs more than reading the file.
final class LoopResources {
    let sending = SendingFiles()
    private var spare: ByteBuffer?

    /// A buffer that can take that many bytes.
    func takeBuffer(_ capacity: Int) -> ByteBuffer {
        guard var buffer = spare else { return ByteBufferAllocator().buffer(capacity: capacity) }
        spare = nil
        buffer.clear(minimumCapacity: capacity)
        return buffer
    }

    /// Gives a buffer back; one that is still being written to a connection is replaced when it is taken again.
    func giveBack(_ buffer: ByteBuffer) {
        spare = buffer
    }
}

import NIOCore

/// Large bodies that were made lately: clients that are sent the same share the memory of one.
///
/// Each is made anew before, as what it tells may have changed.
final class SharedBodies: Sendable {
    private let bodies = Memory<ByteBuffer, ByteBuffer>(capacity: 32 << 20)

    /// The same bytes, in the memory of those that were made before.
    func shared(_ body: ByteBuffer) -> ByteBuffer {
        guard body.readableBytes > AnswerWriter.smallBody else { return body }
        if let known = bodies[body] { return known }
        bodies.keep(body, of: body, bytes: body.readableBytes)
        return body
    }
}

import NIOCore
import Testing

@testable import Archive

@Suite(.timeLimit(.minutes(10)))
struct TarParserMemoryTests {
    @Test(
        "Memory does not grow with the archive, wherever its headers lie within what is read",
        arguments: [513, 700, 4099]
    )
    func flat(_ step: Int) throws {
        var member = TarHeader(name: String(repeating: "a", count: 150), kind: .file, size: 10).bytes
        member.writeRepeatingByte(1, count: 10)
        member.writeRepeatingByte(0, count: Int(TarHeader.padding(after: 10)))
        var archive = ByteBuffer()
        for _ in 0..<500 { archive.writeImmutableBuffer(member) }
        archive.writeRepeatingByte(0, count: Int(TarHeader.endSize))
        var parser = TarParser()
        var members = 0
        while archive.readableBytes > 0 {
            let count = min(step, archive.readableBytes)
            let piece = archive.readBytes(length: count) ?? []
            parser.append(ByteBuffer(bytes: piece))
            while let event = try parser.next() { if case .member = event { members += 1 } }
            #expect(parser.heldMemory <= 16 << 10)
        }
        try parser.finish()
        #expect(members == 500)
    }
}

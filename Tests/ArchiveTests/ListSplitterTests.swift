import NIOCore
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ListSplitterTests {
    /// The elements and the rest, from pieces of some length.
    private static func split(
        _ text: String,
        _ lists: Set<String> = ["a", "b"],
        pieces: Int = 1
    ) throws -> (elements: [String], rest: String) {
        var splitter = ListSplitter(lists)
        var elements: [String] = []
        var bytes = ByteBuffer(string: text)
        while let piece = bytes.readSlice(length: min(pieces, bytes.readableBytes)), piece.readableBytes > 0 {
            try splitter.take(piece) { (list, element) throws(DocumentError) in
                elements.append("\(list): \(String(decoding: element, as: UTF8.self))")
            }
        }
        return (elements, String(decoding: try splitter.finish(), as: UTF8.self))
    }

    @Test(
        "Elements come one after the other, whatever is in them, and the rest has empty lists",
        arguments: [1, 3, 1000]
    )
    func elements(_ pieces: Int) throws {
        let text = #"{"x":[1,[2]],"a":[{"k":"],\"}"}, [1,2] ,3],"y":{"a":[7]},"b":[ ],"z":"\"a\":["}"#
        let split = try Self.split(text, pieces: pieces)
        #expect(split.elements == [#"a: {"k":"],\"}"}"#, "a:  [1,2] ", "a: 3"])
        #expect(split.rest == #"{"x":[1,[2]],"a":[],"y":{"a":[7]},"b":[],"z":"\"a\":["}"#)
    }

    @Test("A root that is a list has elements, and a key may be written with escapes")
    func others() throws {
        let root = try Self.split(" [1,{}] ", [""])
        #expect(root.elements == [": 1", ": {}"] && root.rest == " [] ")
        #expect(try Self.split(#"{"\u0061":[1]}"#).elements == ["a: 1"])
        #expect(try Self.split(#"{"c":[1],"a":1}"#).elements.isEmpty)
    }

    @Test("Commas too many are elements that no parser takes", arguments: ["[,1]", "[1,]", "[1,,2]", "[,]"])
    func commas(_ list: String) throws {
        let blank = try Self.split("{\"a\":\(list)}").elements.filter { $0 == "a: " }
        #expect(!blank.isEmpty)
    }

    @Test("A text that ends in a list is told")
    func truncated() {
        #expect(throws: DocumentError.self) { try Self.split(#"{"a":[1,2"#) }
        #expect(throws: DocumentError.self) { try Self.split(#"{"a":["]"#) }
    }

    @Test("Neither an element nor the rest may grow without end")
    func bounds() {
        for text in [#"{"a":[""#, #"{"x":""#] {
            var splitter = ListSplitter(["a"])
            let piece = ByteBuffer(repeating: UInt8(ascii: "y"), count: 1 << 20)
            let error = #expect(throws: DocumentError.self) {
                try splitter.take(ByteBuffer(string: text)) { (_, _) throws(DocumentError) in }
                for _ in 0..<5 { try splitter.take(piece) { (_, _) throws(DocumentError) in } }
            }
            #expect(error?.kind == .tooLarge)
        }
    }

    @Test("A long key is read once, however many colons follow it")
    func longKey() throws {
        let text = "{\"\(String(repeating: "a", count: 2 << 20))\"\(String(repeating: ":", count: (2 << 20) - 64))[1]}"
        let split = try Self.split(text, pieces: 1 << 20)
        #expect(split.elements.isEmpty && split.rest == text)
        #expect(try Self.split(#"{"a"::[1]}"#).elements.isEmpty)
    }
}

import NIOCore
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct JSONParserTests {
    @Test(
        "A text of RFC 8259 parses",
        arguments: [
            "{}", "[]", "\"\"", "0", "true", "false", "null", " \t\r\n{} \t\r\n", #"{"a":[1,{"b":null}],"":""}"#,
            "-0", "-1", "10", "1.5", "1e400", "1E+2", "0.0e-0", "9223372036854775808", #""\u0000""#, #""\/""#,
            "\"\u{7f}\"",
            #"{"a":1,"A":2}"#, "{\"é\":1,\"e\u{301}\":2}", "\"\u{feff}\"", "[\"\u{2028}\"]",
        ]
    )
    func accepts(text: String) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        let trimmed = Array(text.utf8).drop { " \t\r\n".utf8.contains($0) }
        #expect(value.range.lowerBound == trimmed.startIndex)
        #expect(try JSONValue(parsing: Array(text.utf8)[value.range].map(\.self)).range.lowerBound == 0)
    }

    @Test(
        "Everything else is a syntax error",
        arguments: [
            "", " ", "{", "[", "}", "]", "\"", "{]", "[}", "[,]", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{,}", #"{"a"}"#,
            #"{"a":}"#, #"{"a":1,}"#, #"{"a":1 "b":2}"#, #"{"a"1}"#, "{1:2}", "{a:1}", "{'a':1}", "'a'", "// x",
            "[1]//",
            "/**/1", "True", "tru", "truex", "nul", "nan", "NaN", "Infinity", "-Infinity", "-", "+1", ".5", "1.", "01",
            "-01", "00", "1.e1", "1e", "1e+", "0x10", "1_0", "--1", "1 2", "{}{}", "{}x", "{}\0", "\u{feff}{}", "[]]",
            "\u{a0}1", "\u{2028}1", "\u{b}1", "\u{c}1", "\"\u{1}\"", "\"\n\"", "\"\t\"", "\"\u{1f}\"", "\"\0\"",
            #""\x""#,
            #""\'""#, #""\u""#, #""\u12""#, #""\u123g""#, #""\u 123""#, #""\U0041""#, #""\ud800""#, #""\udc00""#,
            #""\ud800\ud800""#, #""\ud800x""#, #""\ud800\n""#, #""\udfff\ud800""#, #""\ud83d\u0041""#, #""\ud83d\u""#,
            #""\"#, #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"{"a":{"b":1,"c":2,"b":3}}"#, #"{"":1,"":2}"#,
            #"[{"a":1,"a":1}]"#, #"{"é":1,"\u00e9":2}"#,
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: DocumentError.self) { try JSONValue(parsing: Array(text.utf8)) }
        #expect(error?.kind == .syntax)
    }

    @Test(
        "Text that is not UTF-8 is a syntax error",
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF],
            [0xC0, 0xA2], [0xE9],
        ] as [[UInt8]]
    )
    func refusesInvalidUTF8(bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        for text in [[quote] + bytes + [quote], bytes + Array("{}".utf8), Array("{}".utf8) + bytes] {
            let error = #expect(throws: DocumentError.self) { try JSONValue(parsing: text) }
            #expect(error?.kind == .syntax)
        }
    }

    @Test(
        "UTF-16 and UTF-32 are syntax errors",
        arguments: [[0xFF, 0xFE, 0x7B, 0, 0x7D, 0], [0xFE, 0xFF, 0, 0x7B, 0, 0x7D], [0x7B, 0, 0x7D, 0]] as [[UInt8]]
    )
    func refusesOtherEncodings(bytes: [UInt8]) {
        #expect(throws: DocumentError.self) { try JSONValue(parsing: bytes) }
    }

    @Test("Sixty-four levels are read, whatever stands in the last; one more is too large")
    func limitsDepth() throws {
        for (open, inner, close) in [("[", "", "]"), ("[", "1", "]"), (#"{"a":"#, "\"x\"", "}"), ("[", "{}", "]")] {
            let levels = inner == "{}" ? 63 : 64
            let text = { String(repeating: open, count: $0) + inner + String(repeating: close, count: $0) }
            _ = try JSONValue(parsing: Array(text(levels).utf8))
            let error = #expect(throws: DocumentError.self) { try JSONValue(parsing: Array(text(levels + 1).utf8)) }
            #expect(error?.kind == .tooLarge)
        }
        let bomb = String(repeating: "[", count: 1 << 20)
        #expect(throws: DocumentError.self) { try JSONValue(parsing: Array(bomb.utf8)) }
    }

    @Test("A text with too many values is refused")
    func limitsValues() {
        let text = "[" + String(repeating: "0,", count: JSONValue.maximumValues) + "0]"
        let error = #expect(throws: DocumentError.self) { try JSONValue(parsing: Array(text.utf8)) }
        #expect(error?.kind == .tooLarge)
    }

    @Test("A document cut anywhere is a syntax error")
    func refusesTruncation() throws {
        let bytes = Array(#" {"a":[1.5e3,"\ud83d\ude00\n\u0041é",true,null,{"b":-0}],"c":false}"#.utf8)
        _ = try JSONValue(parsing: bytes)
        for count in 0..<bytes.count {
            let error = #expect(throws: DocumentError.self) { try JSONValue(parsing: Array(bytes[..<count])) }
            #expect(error?.kind == .syntax)
        }
    }

    @Test("Escapes are decoded")
    func decodes() throws {
        let text = #""\"\\\/\b\f\n\r\t\u0041\u00E9\u00e9\ud83d\uDC33\udbff\udfff\u0000\uffff""#
        let value = try JSONValue(parsing: Array(text.utf8))
        let expected = "\"\\/\u{8}\u{c}\n\r\tA\u{e9}\u{e9}\u{1f433}\u{10ffff}\0\u{ffff}"
        #expect(value.string.map { Array($0.unicodeScalars) } == Array(expected.unicodeScalars))
    }

    @Test(
        "Whole numbers are exact, others are none",
        arguments: [
            ("0", 0), ("-0", 0), ("-7", -7), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("9007199254740993", 9_007_199_254_740_993), ("9223372036854775808", nil), ("1e400", nil), ("1e2", nil),
            ("1.0", nil), ("-9223372036854775809", nil), ("\"1\"", nil), ("true", nil), ("null", nil),
        ] as [(String, Int64?)]
    )
    func readsIntegers(text: String, expected: Int64?) throws {
        #expect(try JSONValue(parsing: Array(text.utf8)).integer == expected)
    }

    @Test("Each range covers exactly its value's bytes")
    func findsRanges() throws {
        let text = "\n{ \"é\" : [ 1.5 , \"x\\u0041\" ,{ } ],\t\"b\": -2 ,\"c\":true}\r\n"
        let bytes = Array(text.utf8)
        let root = try JSONValue(parsing: bytes)
        let written = { (value: JSONValue?) in value.map { String(decoding: bytes[$0.range], as: UTF8.self) } }
        #expect(written(root) == text.filter { $0 != "\n" && $0 != "\r\n" })
        #expect(written(root["é"]) == "[ 1.5 , \"x\\u0041\" ,{ } ]")
        #expect(root["é"]?.elements?.map { written($0) } == ["1.5", "\"x\\u0041\"", "{ }"])
        #expect(written(root["b"]) == "-2")
        #expect(written(root["c"]) == "true")
        #expect(root["c"]?.bool == true)
    }

    @Test("Ranges count from a buffer's first readable byte")
    func countsFromReaderIndex() throws {
        var buffer = ByteBuffer(string: "xxx[1]yy")
        buffer.moveReaderIndex(forwardBy: 3)
        buffer.moveWriterIndex(to: 6)
        #expect(try JSONValue(parsing: buffer).range == 0..<3)
    }

    @Test("A key is found by its bytes; null and other kinds count as missing")
    func findsMembers() throws {
        let text = "{\"e\u{301}\":1,\"n\":null,\"a\":{\"b\":\"c\"}}"
        let root = try JSONValue(parsing: Array(text.utf8))
        #expect(root["e\u{301}"]?.integer == 1)
        #expect(root["\u{e9}"] == nil)
        #expect(root["n"] == nil)
        #expect(root.members?.map(\.value.isNull) == [false, true, false])
        #expect(root["a"]?["b"]?.string == "c")
        #expect(root["a"]?["b"]?["c"] == nil)
        #expect(root["A"] == nil)
    }

    @Test("A message names the byte and never repeats control characters")
    func explains() {
        let error = #expect(throws: DocumentError.self) {
            try JSONValue(parsing: Array(#"{"\u001b":1,"\u001b":2}"#.utf8))
        }
        #expect(error?.description == #"not valid JSON at byte 20: the key '\u{1b}' stands twice"#)
    }
}

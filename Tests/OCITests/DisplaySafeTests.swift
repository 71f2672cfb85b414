import NIOCore
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DisplaySafeTests {
    @Test(
        "What could move the cursor, forge a line or hide is escaped",
        arguments: [
            ("\u{1b}[2J", "\\u{1b}[2J"), ("\u{9b}2J", "\\u{9b}2J"), ("\u{7}", "\\u{7}"), ("\0", "\\u{0}"),
            ("a\r\nb", "a\\u{d}\\u{a}b"), ("\t", "\\u{9}"), ("\u{7f}", "\\u{7f}"), ("\u{85}", "\\u{85}"),
            ("\u{9d}0;x\u{9c}", "\\u{9d}0;x\\u{9c}"), ("\u{202e}gpj", "\\u{202e}gpj"), ("\u{2066}", "\\u{2066}"),
            ("\u{2069}", "\\u{2069}"), ("\u{61c}", "\\u{61c}"), ("\u{200e}", "\\u{200e}"), ("\u{2028}", "\\u{2028}"),
            ("\u{2029}", "\\u{2029}"), ("a\u{200b}b", "a\\u{200b}b"), ("\u{200d}", "\\u{200d}"),
            ("\u{2060}", "\\u{2060}"), ("\u{feff}", "\\u{feff}"), ("\u{ad}", "\\u{ad}"), ("\u{180e}", "\\u{180e}"),
            ("\u{3164}", "\\u{3164}"), ("\u{fe0f}", "\\u{fe0f}"), ("\u{fff9}", "\\u{fff9}"),
            ("\u{e0041}", "\\u{e0041}"), ("\u{e0001}", "\\u{e0001}"), ("\u{e0100}", "\\u{e0100}"),
        ]
    )
    func escapes(text: String, shown: String) {
        #expect(text.displaySafe == shown)
    }

    @Test("Ordinary text stays as it is", arguments: ["", "a b", "~", "é", "日本語", "🐳", "e\u{301}", "\\u{1b}"])
    func keeps(text: String) {
        #expect(Array(text.displaySafe.unicodeScalars) == Array(text.unicodeScalars))
    }

    @Test(
        "An address is shown without its user and password, with a scheme or without one",
        arguments: [
            ("https://robot:SEKRET@quay.io/x:1", "https://***@quay.io/x:1"),
            ("https://robot@quay.io", "https://***@quay.io"),
            ("https://u:p@ss@host/x", "https://***@host/x"), ("https://u:p/w@host/x", "https://***@host/x"),
            ("https://u:pw@host/x@sha256:00", "https://***@host/x@sha256:00"),
            ("robot:SEKRET@quay.io/x", "***@quay.io/x"), ("a:b:c@d@e:5000/x", "***@e:5000/x"),
            ("user:pw@h.example.org/x@sha256:00", "***@h.example.org/x@sha256:00"), ("a:b@", "***@"),
            ("//u:SEKRET@x", "//***@x"), ("https://:SEKRET@x/y", "https://***@x/y"), ("///u:SEKRET@x", "///***@x"),
            ("https://u@h(a:SEKRET@x/y", "https://***@h(***@x/y"), ("x/(a:(b@c", "x/(***@c"),
            ("//u:p@sha256:00@h@sha256:00", "//***@h@sha256:00"), ("https://u:p@\u{301}h", "https://***@\u{301}h"),
            ("'//u@x/y'", "'//***@x/y'"), ("--target=//u:p/w@x", "--target=//***@x"),
            (
                "The value 'https://a:b@c/d' is bad, \"oci://x@y\" and (u:p@h) too",
                "The value 'https://***@c/d' is bad, \"oci://***@y\" and (***@h) too"
            ),
        ]
    )
    func hidesUserinfo(text: String, shown: String) {
        #expect(text.displayedWithoutSecrets == shown)
    }

    @Test(
        "What has an '@' and no password is shown as it is",
        arguments: [
            "a@b", "alpine:3@sha256:ab", "host:5000/x@sha512:ab", "alpine:3.21", "", "@", "docker://alpine@sha256:00",
            "docker://docker.io/library/alpine@sha256:00", "r.example.org:5000/b@x", "https://z/@w",
            "//x/y@z", "//h:5000/x",
            "task nightly: owner ops@example.org keep this", "https://h:5000/x",
        ]
    )
    func showsOthers(text: String) {
        #expect(text.displayedWithoutSecrets == text)
    }

    @Test(
        "A text of megabytes is looked through once, however much in it looks like the beginning of a password",
        arguments: [("//", "a:"), ("", "(a:"), ("", "//a:b")]
    )
    func looksOnce(start: String, repeated: String) {
        let text = start + String(repeating: repeated, count: (4 << 20) / repeated.utf8.count) + "@sha256:"
        #expect(text.withoutUserinfo.utf8.elementsEqual(text.utf8))
        #expect((text + "x u:p@h").withoutUserinfo.hasSuffix("@sha256:x ***@h"))
    }

    @Test("No control character is left in the first plane's worst corners")
    func escapesAllControls() {
        for value in UInt32(0)..<0x3000 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator:
                #expect(String(scalar).displaySafe.unicodeScalars.first == "\\", "U+\(String(value, radix: 16))")
            default: break
            }
            if scalar.properties.isDefaultIgnorableCodePoint || scalar.properties.isBidiControl {
                #expect(String(scalar).displaySafe.unicodeScalars.first == "\\", "U+\(String(value, radix: 16))")
            }
        }
    }

    @Test("Long text is cut", arguments: [(256, 256), (257, 257), (100_000, 257)])
    func cuts(count: Int, shown: Int) {
        #expect(String(repeating: "a", count: count).displaySafe.count == shown)
    }

    @Test("A limit counts characters of the original, combining ones too")
    func countsScalars() {
        #expect("a\u{301}\u{301}\u{301}".displaySafe(limit: 2).unicodeScalars.count == 3)
        #expect("abc".displaySafe(limit: 0) == "…")
        #expect("".displaySafe(limit: 0).isEmpty)
    }
}

@Suite(.timeLimit(.minutes(10)))
struct DistributionErrorTests {
    @Test(
        "Errors in the specified form are read",
        arguments: [
            (#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}"#, ["MANIFEST_UNKNOWN: no"]),
            (#"{"errors":[{"code":"denied","message":"no","detail":{"a":[1]}}]}"#, ["denied: no"]),
            (#"{"errors":[{"code":"X"},{"code":"Y","message":null},{"code":"Z","message":5}]}"#, ["X", "Y", "Z"]),
            (
                #"{"errors":[{"message":"no"},5,null,{"code":7},{"code":"TOOMANYREQUESTS"}]}"#,
                ["no", "TOOMANYREQUESTS"]
            ),
            (
                #"{"errors":[{"code":"A\u001b","message":"\u0007\u202e\r\nx"}]}"#,
                [#"A\u{1b}: \u{7}\u{202e}\u{d}\u{a}x"#]
            ),
            (#"{"errors":[]}"#, []), (#"{"errors":null}"#, []), (#"{"errors":{}}"#, []), ("{}", []), ("[]", []),
            ("", []), ("<html>", []), (#"{"errors":[{"code":"X"}]"#, []), (#"{"detail":"x"}"#, ["x"]),
        ]
    )
    func parses(body: String, shown: [String]) {
        #expect(DistributionError.parse(ByteBuffer(string: body)).map(\.description) == shown)
    }

    @Test("Known codes are found without regard to case, unknown ones kept")
    func findsCodes() {
        let body = #"{"errors":[{"code":"Name_Unknown"},{"code":"SURPRISE"}]}"#
        let errors = DistributionError.parse(ByteBuffer(string: body))
        #expect(errors.map(\.code) == [.nameUnknown, nil])
        #expect(errors.map(\.rawCode) == ["Name_Unknown", "SURPRISE"])
    }

    @Test("A flood of errors is cut")
    func cuts() {
        let list = Array(repeating: #"{"code":"X"}"#, count: 1000).joined(separator: ",")
        #expect(DistributionError.parse(ByteBuffer(string: #"{"errors":[\#(list)]}"#)).count == 8)
    }
}

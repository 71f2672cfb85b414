import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct OpenFilesTests {
    @Test(
        "Each connection has two files, and the server what it needs beside them, also where there are few",
        arguments: [(64, 12), (128, 24), (256, 48), (1024, 416), (1_048_576, 524_192)]
    )
    func connections(files: Int, expected: Int) throws {
        #expect(try OpenFiles.connections(files: files) == expected)
    }

    @Test("With too few files a server does not start, and says how many it needs")
    func few() throws {
        let error = #expect(throws: OpenFiles.TooFew.self) { try OpenFiles.connections(files: 63) }
        #expect(error?.description == "a server needs 64 open files, and may have 63: raise the limit (ulimit -n)")
    }
}

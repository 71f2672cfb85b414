import OCI
import Sync
import Testing

@testable import Convert

/// One image that is found in several places, or for several platforms, becomes one entry.
@Suite(.timeLimit(.minutes(10)))
struct MergedImageTests {
    /// Files, and the platforms of the one entry that they become.
    struct Row: Sendable, CustomTestStringConvertible {
        let files: [String]
        let platforms: [String]
        var format: ForeignFormat?

        var testDescription: String { files.joined(separator: " + ") }
    }

    static let rows: [Row] = [
        Row(
            files: ["--platform=linux/amd64 alpine:3\n--platform=linux/arm64 alpine:3\n"],
            platforms: ["linux/amd64", "linux/arm64"]
        ),
        Row(files: ["--platform linux/amd64 alpine:3\nalpine:3\n"], platforms: []),
        Row(files: ["alpine:3\n--platform=linux/amd64 alpine:3\n"], platforms: []),
        Row(
            files: ["--platform=linux/amd64 alpine\n--platform=linux/amd64 alpine:latest\n"],
            platforms: ["linux/amd64"]
        ),
        Row(
            files: ["--platform=linux/amd64 alpine:3\n", "--platform=linux/arm64 docker.io/library/alpine:3\n"],
            platforms: ["linux/amd64", "linux/arm64"]
        ),
        Row(
            files: [
                "services: {a: {image: 'alpine:3', platform: linux/arm64}, b: {image: 'alpine:3', platform: linux/amd64}}"
            ],
            platforms: ["linux/arm64", "linux/amd64"]
        ),
        Row(
            files: ["services: {a: {image: 'alpine:3', platform: linux/arm64}, b: {image: 'alpine:3'}}"],
            platforms: []
        ),
        Row(
            files: [
                """
                sync:
                  - {source: "alpine:3", target: "registry.example.com/mirrors/alpine:3", type: image, platform: linux/amd64}
                  - {source: "alpine:3", target: "registry.example.com/mirrors/alpine:3", type: image, platform: linux/arm64}
                """
            ],
            platforms: ["linux/amd64", "linux/arm64"]
        ),
    ]

    @Test("The same image for several platforms is one entry for all of them", arguments: rows)
    func platforms(row: Row) throws {
        var conversion = try Conversion(target: nil)
        for file in row.files { try conversion.add(file, file: "file", format: row.format) }
        let configuration = try Configuration(yaml: try conversion.yaml(), file: "imglife.yaml")
        #expect(configuration.entries.count == 1)
        #expect(configuration.entries.first?.platforms.map(\.description) == row.platforms)
    }

    @Test("What is no platform takes nothing away from the others")
    func noPlatform() throws {
        let converted = try Converted("--platform=linux/amd64 alpine:3\n--platform=/ alpine:3\n")
        #expect(converted.configuration.entries.map { $0.platforms.map(\.description) } == [["linux/amd64"]])
        #expect(converted.flat.contains("'/' is no platform"))
    }

    @Test("A compose file's services are named, with their platforms")
    func compose() throws {
        let converted = try Converted(
            "services:\n  web: {image: 'nginx:1.27'}\n  db: {image: 'postgres:16', platform: linux/amd64}\n"
        )
        #expect(converted.flat.contains("# in service web\n") && converted.flat.contains("# in service db\n"))
        let platforms = converted.configuration.entries.map { $0.platforms.map(\.description) }
        #expect(platforms == [[], ["linux/amd64"]])
    }

    @Test(
        "A variable in an image is told with its place",
        arguments: [
            ("services: {web: {image: 'nginx:${TAG:-1.27}'}, db: {image: a}}", "'nginx:${TAG:-1.27}', in service web"),
            ("services: {web: {image: $IMAGE}, db: {image: a}}", "'$IMAGE', in service web"),
            (
                "services: {web: {image: '{{ .Values.image }}'}, db: {image: a}}",
                "'{{ .Values.image }}', in service web"
            ),
            ("services: {web: {image: {{ .Values.image }}}, db: {image: a}}", "'{{ .Values.image }}', in service web"),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: [{image: a}, {image: '{{ .x }}:{{ .y }}'}]",
                "'{{ .x }}:{{ .y }}', in Pod/p"
            ),
            (
                "apiVersion: v1\nkind: Pod\nspec: [{image: a}, {image: {repository: quay.io/x, tag: '${TAG}'}}]",
                "'quay.io/x:${TAG}', in Pod"
            ),
        ]
    )
    func variables(_ text: String, _ words: String) throws {
        let converted = try Converted(text)
        #expect(converted.entries.count == 1)
        #expect(
            converted.flat.contains("# not converted: \(words): holds a variable, whose value must be written first"),
            "\(converted.flat)"
        )
    }

    @Test("A variable in a list, and in other tools' rules, is told as well")
    func variablesElsewhere() throws {
        let list = try Converted("alpine:3\n$REGISTRY/app:1\n", format: .list)
        #expect(list.flat.contains("'$REGISTRY/app:1': holds a variable"))
        let rules = try Converted("quay.io/a/b: r.io/b\nquay.io/a/${X}: r.io/c\n", format: .imageSyncer)
        #expect(rules.flat.contains("quay.io/a/${X} -> r.io/c: holds a variable"))
    }

    @Test("What is no image is told with the image and its place")
    func noImage() throws {
        let converted = try Converted("services: {web: {image: 'nginx:-1'}, db: {image: a}}")
        #expect(converted.flat.contains("# not converted: 'nginx:-1', in service web: invalid tag '-1'"))
    }
}

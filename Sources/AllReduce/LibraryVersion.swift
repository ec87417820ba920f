/// The library's version, as CHANGELOG.md names it.
package let libraryVersion = "0.2"

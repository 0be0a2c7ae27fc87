# The content library of a distribution point, with one package of two files.
mkdir -p SCCMContentLib/PkgLib SCCMContentLib/DataLib/ABC00045.2/bin
printf '[Packages]\nABC00045.2=\n' > SCCMContentLib/PkgLib/ABC00045.INI
keep() {
    hash=$(printf "$2" | sha256sum | cut -c1-64 | tr a-f A-F)
    mkdir -p "SCCMContentLib/FileLib/$(printf "$hash" | cut -c1-4)"
    printf "$2" > "SCCMContentLib/FileLib/$(printf "$hash" | cut -c1-4)/$hash"
    printf '[File]\nSize=%s\nHash=%s\n' "$(printf "$2" | wc -c)" "$hash" \
        > "SCCMContentLib/DataLib/ABC00045.2/$1.INI"
}
keep setup.cmd 'echo installed\n'
keep bin/tool.exe 'not a real program\n'

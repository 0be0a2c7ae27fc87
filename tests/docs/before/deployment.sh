# A task sequence that runs on any system, and a deployment of it from the folder `site`.
cat > sequence.xml <<'END'
<sequence version="3.10">
  <step type="SMS_TaskSequence_RunCommandLineAction" name="Install drivers">
    <action>smsswd.exe /run:ABC00012 cat network.inf</action>
  </step>
  <step type="SMS_TaskSequence_RunCommandLineAction" name="Install tools">
    <action>smsswd.exe /run:ABC00013 sh install.sh</action>
  </step>
</sequence>
END
cat > deployment.toml <<'END'
[client]
on_internet = false
[catalog]
path = "site/catalog.json"
[[endpoint]]
name = "folder"
kind = "file"
path = "site"
END

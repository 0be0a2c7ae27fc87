# The export of an in-place upgrade.
cat > upgrade.xml <<'END'
<sequence version="3.10">
  <step type="SMS_TaskSequence_RunCommandLineAction" name="Prepare">
    <condition>
      <expression type="SMS_TaskSequence_WMIConditionExpression">
        <variable name="Namespace">root\cimv2</variable>
        <variable name="Query">SELECT * FROM Win32_Battery</variable>
      </expression>
    </condition>
    <action>smsswd.exe /run:ABC00045 setup.cmd</action>
  </step>
  <step type="SMS_TaskSequence_UpgradeOperatingSystemAction" name="Upgrade Windows">
    <defaultVarList>
      <variable name="OSDUpgradeInstallPackageID">ABC00045</variable>
    </defaultVarList>
  </step>
</sequence>
END

#!/bin/sh
# Create the private buckets, and for each service of the stack one user with the least rights it needs.
set -eu

# Pipe from the shell's built-in printf, so that no command line shows the administrator's password.
printf '{"url": "%s", "accessKey": "%s", "secretKey": "%s", "api": "s3v4", "path": "auto"}' \
    "$MINIO_ENDPOINT" "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD" | mc --quiet alias import s3 >/dev/null

for bucket in "$CRM_S3_BUCKET" "$CRM_S3_LOGS_BUCKET" "$MLFLOW_S3_BUCKET"; do
    mc --quiet mb --ignore-existing "s3/$bucket"
    mc --quiet anonymous set none "s3/$bucket"
done

# policy NAME BUCKET...: allow reading, writing and listing these buckets, and nothing else.
policy() {
    name=$1
    shift
    buckets='' objects=''
    for bucket in "$@"; do
        buckets="$buckets${buckets:+,}\"arn:aws:s3:::$bucket\""
        objects="$objects${objects:+,}\"arn:aws:s3:::$bucket/*\""
    done
    cat >"/tmp/$name.json" <<JSON
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Resource": [$buckets],
   "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]},
  {"Effect": "Allow", "Resource": [$objects],
   "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject",
              "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]}
]}
JSON
    mc --quiet admin policy create s3 "$name" "/tmp/$name.json"
}

# user KEY SECRET POLICY
user() {
    mc --quiet admin user add s3 "$1" "$2"
    # mc fails if the policy is already attached.
    case "$(mc --json admin user info s3 "$1")" in
    *"\"policyName\":\"$3\""*) ;;
    *) mc --quiet admin policy attach s3 "$3" --user "$1" ;;
    esac
}

policy crm "$CRM_S3_BUCKET" "$CRM_S3_LOGS_BUCKET"
policy mlflow "$MLFLOW_S3_BUCKET"
user "$CRM_S3_ACCESS_KEY_ID" "$CRM_S3_SECRET_ACCESS_KEY" crm
user "$MLFLOW_S3_ACCESS_KEY_ID" "$MLFLOW_S3_SECRET_ACCESS_KEY" mlflow
